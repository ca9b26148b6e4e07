# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""From scenes and options to the estimator that is asked for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..datasets import CorruptRasterError, band_indexes, open_raster, raster_bands
from ..datasets.bands import check_types
from ..datasets.units import Units, describe_units, units_of
from ..errors import some_of
from ..segmenter import Segmenter
from ..sources import without_secrets
from .failures import Failures
from .segment_options import Options, parse_stride

if TYPE_CHECKING:
    from ..estimator import KTexturesSegmenter


def prepare(
    options: Options, scenes: Sequence[str], failures: Failures, light: bool = False
) -> tuple[Segmenter, list[str]]:
    """Make the estimator that is asked for.

    What takes long to load comes after a look at the scenes.

    Args:
        options: What is asked for.
        scenes: Rasters.
        failures: What collects those that cannot be read.
        light: Whether it is enough if a checkpoint can be applied.

    Returns:
        The estimator, fitted if there is a checkpoint, and scenes that can be read;
        a :class:`~torchgeo_ktextures.KTexturesSegmenter`, unless *light*.

    Raises:
        OSError: If nothing can be read.
        ValueError: If scenes or options do not fit.
    """
    loaded = None
    if options.checkpoint is not None:
        loaded = (Segmenter if light else _estimator()).load(options.checkpoint)
        _check_checkpoint(options, loaded)
    left = list(scenes)
    bands = options.bands
    if bands is None and loaded is not None:
        bands = getattr(loaded, 'bands_', loaded.bands)
    chosen: list[str | int] | None = None
    plain = []
    units: dict[str, Units] = {}
    for scene in scenes:
        try:
            with open_raster(scene) as src:
                own = raster_bands(src, bands)
                indexes = band_indexes(src, own)
                check_types(src, indexes)
                units[scene] = units_of(src, indexes)
                if src.crs is None and not src.gcps[0]:
                    plain.append(without_secrets(scene))
            if chosen is not None and len(own) != len(chosen):
                msg = f'{without_secrets(scene)} has the bands {own}, others have '
                msg += f'{chosen}; name those '
                raise ValueError(msg + 'of all, as --bands red,green,blue')
            chosen = own
        except (CorruptRasterError, ValueError) as error:
            if not failures.take(scene, error, left):
                raise
            left.remove(scene)
    if plain:
        print(f'{some_of(plain)}: no georeference, so the maps have none either.')
    like = options if loaded is None else loaded
    shown = describe_units(
        [units[scene] for scene in left], like.scale or 1, like.ignore_scale
    )
    if shown is not None:
        print(f'Units of bands: {shown}.')
    with open_raster(left[0]) as src:
        default = '4' if loaded is None else str(loaded.mask_stride)
        stride = parse_stride(options.mask_stride or default, src)
    if loaded is not None:
        if stride != loaded.mask_stride:
            raise ValueError(
                _misfit(options, 'mask_stride', stride, loaded.mask_stride)
            )
        if chosen is not None and len(chosen) != loaded.n_features_in_:
            msg = f'bands={chosen} are {len(chosen)}, but the model of '
            msg += (
                f'{options.checkpoint} was fitted with {loaded.n_features_in_}; name '
            )
            raise ValueError(msg + 'as many with --bands')
        loaded.bands_ = chosen or []
        return loaded, left
    segmenter = _estimator()(
        8 if options.n_clusters is None else options.n_clusters,
        mask_stride=stride,
        max_steps=options.steps,
        n_init=options.n_init,
        random_state=options.seed,
        device=options.device,
        backbone=options.backbone,
        backbone_weights=options.backbone_weights,
        bands=chosen,
        scale=1 if options.scale is None else options.scale,
        ignore_scale=options.ignore_scale,
        nodata=options.nodata,
        invalid_if=options.invalid_if,
        normalize=options.normalize or 'none',  # type: ignore[arg-type]
        verbose=options.progress,
    )
    return segmenter, left


def _estimator() -> 'type[KTexturesSegmenter]':
    from ..estimator import KTexturesSegmenter

    return KTexturesSegmenter


def _check_checkpoint(options: Options, loaded: Segmenter) -> None:
    """Set what may differ from a checkpoint, and refuse what may not."""
    if options.backbone is not None:
        text = _misfit(options, 'backbone', options.backbone, loaded.backbone)
        raise ValueError(text)
    if options.n_clusters not in (None, loaded.n_clusters_):
        text = _misfit(options, 'n_clusters', options.n_clusters, loaded.n_clusters_)
        raise ValueError(text)
    normalize = options.normalize
    if normalize is None and options.adapt and loaded.normalize == 'relative':
        normalize = 'none'  # the scene need not be of the same place
    given = {
        'scale': options.scale,
        'ignore_scale': options.ignore_scale or None,
        'nodata': options.nodata,
        'normalize': normalize,
    }
    loaded.set_params(
        device=options.device,
        verbose=options.progress,
        invalid_if=options.invalid_if,
        **{name: value for name, value in given.items() if value is not None},
    )


def _misfit(options: Options, name: str, given: object, own: object) -> str:
    msg = f'{name}={given} does not fit checkpoint {options.checkpoint}, which '
    return f'{msg}has {name}={own}; leave it out, or fit again'
