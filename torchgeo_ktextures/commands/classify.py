# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The command that classifies scenes by labelled points."""

from typing import Literal

from .options import parse_bands, parse_nodata


def classify(
    scenes: list[str],
    points: str,
    output: str,
    *,
    checkpoint: str | None = None,
    labels: str | None = None,
    save_checkpoint: str | None = None,
    n_clusters: str | None = None,
    bands: str | None = None,
    scale: float | None = None,
    ignore_scale: bool = False,
    nodata: str | None = None,
    invalid_if: Literal['any', 'all'] = 'any',
    normalize: Literal['none', 'scene', 'relative'] | None = None,
    mask_stride: str | None = None,
    steps: int = 100,
    seed: int = 0,
    device: str = 'auto',
    mosaic: Literal['none', 'vrt', 'tif'] = 'none',
    confidence: bool = False,
    report: str | None = None,
    on_error: Literal['skip', 'stop'] | None = None,
    tile_size: int = 768,
    progress: bool = True,
) -> None:
    """Make maps of your classes from a few labelled points.

    Points and clusters together decide. suggest tells which points help most. The map
    is one that export and assess take: a Cloud Optimized GeoTIFF with the names of the
    classes, colours and an attribute table, on the grid of its scene.

    Args:
        scenes: Rasters, or folders of them, as segment takes them.
        points: Vector file of points with the names of their classes in a column
            "class". Rows without a name are left out.
        output: Map to write (.tif), or folder of maps; with several scenes a folder.
        checkpoint: Model that segment has fitted to the scenes. Without it and without
            labels, they are segmented first.
        labels: Map of clusters on the grid of the scene, as segment, merge or any other
            tool writes it, in place of a model: nothing is trained. For several scenes,
            a folder with a map NAME_labels.tif of each. Where the map has no data, the
            scene alone decides.
        save_checkpoint: File to save the fitted model to, with what it knows of the
            points; PointClassifier.load reads it, and so does checkpoint.
        n_clusters: Number of clusters where scenes are segmented first (defaults to 8).
        bands: Names or 1-based numbers of the bands, as 4,3,2,8 or
            red,green,blue,nir, in the order red, green, blue, near infrared.
        scale: Digital numbers are divided by this, such as 10000 for reflectance
            (defaults to the scale and offset tags of a file, or to the scale of the
            checkpoint).
        ignore_scale: Whether the scale and offset tags of files are ignored, and digital
            numbers are taken as they are.
        nodata: Values that mean no data, as -9999 or 0,-3.4e38, besides those that the
            files declare.
        invalid_if: Whether a pixel is left out where 'any' of its bands is invalid, or
            only where 'all' are.
        normalize: With 'relative', dates of one place are brought to the radiometry of
            one of them; with 'scene', each scene is brought to a common mean and
            standard deviation of each band.
        mask_stride: The smallest region worth a class, in pixels or in metres, such as
            40m, where scenes are segmented first.
        steps: Number of training steps, at most, where scenes are segmented first.
        seed: Seed; the same gives the same map.
        device: 'auto', 'cpu', 'cuda', 'mps' or one of several devices, as 'cuda:1'.
        mosaic: Whether to put the maps of several scenes together as well, as a 'vrt'
            that refers to them or as one 'tif'.
        confidence: Whether to write a second map of how far ahead the class of each
            pixel is, in percent.
        report: HTML page to write, with scene, points, map, areas and spectra.
        on_error: Whether to 'skip' scenes that cannot be read, or to 'stop' at the
            first (defaults to 'skip' for several scenes).
        tile_size: Height and width in pixels of what is computed at once.
        progress: Whether to show progress bars on a terminal.
    """
    from pathlib import Path

    from ..pipelines.classification import classify_scenes
    from ..pipelines.segment_options import Options

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
        n_init=1,
        seed=seed,
        device=device,
        checkpoint=checkpoint,
        save_checkpoint=save_checkpoint,
        mosaic=mosaic,
        confidence=confidence,
        legend=None,
        report=report,
        on_error=on_error,
        tile_size=tile_size,
        progress=progress,
    )
    classify_scenes(
        options,
        Path(points).expanduser(),
        None if labels is None else Path(labels).expanduser(),
    )
