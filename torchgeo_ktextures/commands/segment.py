# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The command that segments scenes."""

from typing import Literal

from .options import parse_bands, parse_nodata


def segment(
    scenes: list[str],
    output: str,
    *,
    n_clusters: str | None = None,
    bands: str | None = None,
    scale: float | None = None,
    ignore_scale: bool = False,
    nodata: str | None = None,
    invalid_if: Literal['any', 'all'] = 'any',
    normalize: Literal['none', 'scene', 'relative'] | None = None,
    mask_stride: str | None = None,
    steps: int = 100,
    n_init: int = 1,
    backbone: str | None = None,
    backbone_weights: str | None = None,
    seed: int = 0,
    device: str = 'auto',
    checkpoint: str | None = None,
    adapt: bool = False,
    save_checkpoint: str | None = None,
    mosaic: Literal['none', 'vrt', 'tif'] = 'none',
    confidence: bool = False,
    legend: str | None = None,
    report: str | None = None,
    suggest: int | None = None,
    on_error: Literal['skip', 'stop'] | None = None,
    jobs: int = 1,
    manifest: str | None = None,
    tile_size: int = 768,
    progress: bool = True,
) -> None:
    """Split scenes into classes, each of which is a texture in context.

    Fits on all the scenes together, or takes a fitted model, and writes a label map of
    each on its own grid: a Cloud Optimized GeoTIFF with colours, overviews and
    statistics of the classes. The same command goes on where it was stopped.

    Args:
        scenes: Rasters, or folders of them, with the bands red, green, blue and near
            infrared. Of folders, hidden files, quality masks and maps made earlier are
            left out. Addresses (https://, s3://), items of STAC catalogs (.json), Zarr
            and NetCDF are taken as well.
        output: Map to write (.tif), or folder of maps; with several scenes a folder.
        n_clusters: Number of classes (defaults to 8, or to that of the checkpoint); a
            range to choose from, such as 4:16; or auto, which chooses from 2 to 12.
            merge and the report show all smaller numbers afterwards.
        bands: Names or 1-based numbers of the bands, as 4,3,2,8 or
            red,green,blue,nir, in the order red, green, blue, near infrared (defaults
            to these names, or to those of the checkpoint).
        scale: Digital numbers are divided by this, such as 10000 for reflectance
            (defaults to the scale and offset tags of a file, or to the scale of the
            checkpoint).
        ignore_scale: Whether the scale and offset tags of files are ignored, and digital
            numbers are taken as they are.
        nodata: Values that mean no data, as -9999 or 0,-3.4e38, besides those that the
            files declare.
        invalid_if: Whether a pixel is left out where 'any' of its bands is invalid, or
            only where 'all' are. With 'all', single missing bands are filled with the
            nearest value.
        normalize: With 'relative', dates of one place are brought to the radiometry of
            one of them, by places that have not changed; with 'scene', each scene is
            brought to a common mean and standard deviation of each band; with 'none'
            it is not (defaults to 'none', or to that of the checkpoint).
        mask_stride: The smallest region worth a class, in pixels (1, 2, 4, 8 or 16) or
            in metres, such as 40m (defaults to 4, or to that of the checkpoint).
        steps: Number of training steps, at most: where colour tells the classes apart,
            half as many, but not less than 50.
        n_init: Number of whole fits from different starts; the one with the lowest loss
            is kept.
        backbone: Network of which the features tell classes as well, such as dinov3,
            dinov3_sat, dinov2, clip or mae; see docs/backbones.md for others.
        backbone_weights: File of its weights, the name of weights of TorchGeo, or true
            for those of timm (defaults to those that the short name stands for, which
            are downloaded).
        seed: Seed; the same gives the same map.
        device: 'auto', 'cpu', 'cuda', 'mps' or one of several devices, as 'cuda:1'.
        checkpoint: Fitted model to apply instead of fitting one.
        adapt: Whether to adapt the model of the checkpoint to the light and the sensor
            of the scenes, which are of one date: bands get a gain and an offset, such
            that they fit the classes of the model. Numbers of the classes stay.
        save_checkpoint: File to save the fitted model to.
        mosaic: Whether to put the maps of several scenes together as well, as a 'vrt'
            that refers to them or as one 'tif'. They need the same coordinate
            reference system and resolution.
        confidence: Whether to write a second map of how far ahead the class of each
            pixel is, in percent.
        legend: File of the classes for you to name, beside pictures of their textures
            (defaults to classes.yaml beside the map).
        report: HTML page to write, on which to choose the number of classes and to name
            them, with maps, textures, examples, areas and spectra.
        suggest: Number of places to label that are suggested for classify, as a
            GeoPackage and a page of pictures beside the map.
        on_error: Whether to 'skip' scenes that cannot be read, and report them at the
            end, or to 'stop' at the first (defaults to 'skip' for several scenes).
        jobs: Number of processes that predict scenes at the same time. Each needs its
            own memory, about 1.2 GB, and some seconds to start.
        manifest: File to which a line of JSON is added for each scene: its map, whether
            it was done, kept or failed, time, areas and errors.
        tile_size: Height and width in pixels of what is computed at once; memory grows
            with it, and time falls.
        progress: Whether to show progress bars on a terminal.
    """
    from ..pipelines.segment_options import Options
    from ..pipelines.segmentation import segment_scenes

    options = Options(
        scenes=scenes,
        output=output,
        n_clusters=n_clusters,
        bands=parse_bands(bands),
        scale=scale,
        ignore_scale=ignore_scale,
        nodata=parse_nodata(nodata),
        invalid_if=invalid_if,
        normalize=normalize,
        mask_stride=mask_stride,
        steps=steps,
        n_init=n_init,
        backbone=backbone,
        backbone_weights=backbone_weights,
        seed=seed,
        device=device,
        checkpoint=checkpoint,
        adapt=adapt,
        save_checkpoint=save_checkpoint,
        mosaic=mosaic,
        confidence=confidence,
        legend=legend,
        report=report,
        on_error=on_error,
        jobs=jobs,
        manifest=manifest,
        tile_size=tile_size,
        progress=progress,
        suggest=suggest,
    )
    segment_scenes(options)
