# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The command that segments scenes."""

from typing import Literal


def segment(
    scenes: list[str],
    output: str,
    *,
    n_clusters: int | None = None,
    bands: list[str | int] | None = None,
    scale: float | None = None,
    nodata: float | None = None,
    mask_stride: str | None = None,
    steps: int = 100,
    n_init: int = 1,
    seed: int = 0,
    device: str = 'auto',
    checkpoint: str | None = None,
    save_checkpoint: str | None = None,
    mosaic: Literal['none', 'vrt', 'tif'] = 'none',
    confidence: bool = False,
    legend: str | None = None,
    report: str | None = None,
    tile_size: int = 768,
    progress: bool = True,
) -> None:
    """Split scenes into classes, each of which is a texture in context.

    Fits on all the scenes together, or takes a fitted model, and writes a label map of
    each on its own grid: a Cloud Optimized GeoTIFF with colours, overviews and
    statistics of the classes. The same command goes on where it was stopped.

    Args:
        scenes: Rasters, or folders of them, with the bands red, green, blue and near
            infrared.
        output: Map to write (.tif), or folder of maps; with several scenes a folder.
        n_clusters: Number of classes (defaults to 8, or to that of the checkpoint).
        bands: Names or 1-based numbers of the bands, in the order red, green, blue,
            near infrared (defaults to these names, or to those of the checkpoint).
        scale: Digital numbers are divided by this, such as 10000 for reflectance
            (defaults to 1, or to that of the checkpoint).
        nodata: Value that means no data (defaults to that of each file).
        mask_stride: The smallest region worth a class, in pixels (1, 2, 4, 8 or 16) or
            in metres, such as 40m (defaults to 4, or to that of the checkpoint).
        steps: Number of training steps, at most: where colour tells the classes apart,
            half as many, but not less than 50.
        n_init: Number of restarts that share the steps; the one with the lowest loss is
            kept.
        seed: Seed; the same gives the same map.
        device: 'auto', 'cpu', 'cuda', 'mps' or one of several devices, as 'cuda:1'.
        checkpoint: Fitted model to apply instead of fitting one.
        save_checkpoint: File to save the fitted model to.
        mosaic: Whether to put the maps of several scenes together as well, as a 'vrt'
            that refers to them or as one 'tif'. They need the same coordinate
            reference system and resolution.
        confidence: Whether to write a second map of how far ahead the class of each
            pixel is, in percent.
        legend: File of the classes for you to name, beside pictures of their textures
            (defaults to classes.yaml beside the map).
        report: HTML page to write, with maps, textures, examples, spectra and losses.
        tile_size: Height and width in pixels of what is computed at once; memory grows
            with it, and time falls.
        progress: Whether to show progress bars.
    """
    from ..segmentation import Options, segment_scenes

    options = Options(
        scenes=scenes,
        output=output,
        n_clusters=n_clusters,
        bands=bands,
        scale=scale,
        nodata=nodata,
        mask_stride=mask_stride,
        steps=steps,
        n_init=n_init,
        seed=seed,
        device=device,
        checkpoint=checkpoint,
        save_checkpoint=save_checkpoint,
        mosaic=mosaic,
        confidence=confidence,
        legend=legend,
        report=report,
        tile_size=tile_size,
        progress=progress,
    )
    segment_scenes(options)
