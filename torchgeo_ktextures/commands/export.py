# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The command that makes training samples of a map."""

from collections.abc import Sequence

from .options import parse_bands, parse_nodata


def export(
    labels: str,
    image: str,
    output: str,
    *,
    confidence: str | None = None,
    bands: str | Sequence[str | int] | None = None,
    scale: float = 1,
    ignore_scale: bool = False,
    nodata: str | float | Sequence[float] | None = None,
    chip_size: int = 64,
    block_size: int | None = None,
    max_chips: int = 1000,
    min_labelled: float = 0.1,
    val_split: float = 0.2,
    test_split: float = 0.2,
    points: int = 200,
    seed: int = 0,
    picture: str | None = None,
) -> None:
    """Make training samples of a map: polygons, points and chips.

    The folder gets polygons.gpkg, points.gpkg and chips, with images and masks for
    training, validation and testing, each of its own blocks of the map, and
    training.yaml, which tells a configuration of TorchGeo what is in the chips.

    Args:
        labels: Map with named classes, as relabel writes it.
        image: Scene on the grid of the map.
        output: Folder to write.
        confidence: Raster of the confidence of each pixel, 0 to 100 percent.
        bands: Names or numbers, from 1, of the bands to export, as 4,3,2,8 (defaults to
            all but masks).
        scale: What digital numbers are to be divided by, such as 10000 (defaults to the
            scale and offset tags of the scene, which chips keep).
        ignore_scale: Whether these tags are ignored, and chips do not have them.
        nodata: Values of the scene that mean no data, besides those that it declares.
        chip_size: Height and width of chips in pixels.
        block_size: Height and width of the blocks that splits are made of, in pixels
            (defaults to four chips, less in small maps).
        max_chips: Largest number of chips for training, chosen such that classes are
            balanced. Those for validation and testing are limited in proportion.
        min_labelled: Smallest share of pixels with a class in a chip.
        val_split: Share of the blocks for validation.
        test_split: Share of the blocks for testing.
        points: Number of points per class.
        seed: Seed of all choices.
        picture: PNG file for a picture of the chips and the points.
    """
    from contextlib import ExitStack
    from os.path import expanduser
    from pathlib import Path

    from ..maps.blocks import check_sizes, default_block_size, split_blocks
    from ..maps.chips import write_chips
    from ..maps.cleaning import check_confidence
    from ..maps.metadata import write_training
    from ..maps.output import make_folder
    from ..maps.points import write_points
    from ..maps.polygons import write_polygons
    from ..maps.reading import (
        check_same_grid,
        class_names,
        give_georeference,
        open_labels,
        open_raster,
    )
    from ..maps.scenes import open_scene
    from ..sources import without_secrets

    labels, image = expanduser(labels), expanduser(image)
    folder = Path(expanduser(output))
    drawing = None if picture is None else Path(expanduser(picture))
    for name, value in {'max_chips': max_chips, 'points': points}.items():
        if value < 1:
            raise ValueError(f'{name}={value} must be at least 1')
    if not scale > 0:
        raise ValueError(f'scale={scale} must be positive')
    if not 0 <= min_labelled <= 1:
        raise ValueError(f'min_labelled={min_labelled} must be from 0 to 1')
    if drawing is not None:
        from ..maps.picture import check_picture_name, draw_samples

        check_picture_name(drawing)
    with ExitStack() as stack:
        src = stack.enter_context(open_labels(labels))
        if src.crs is None or src.transform.is_identity:
            msg = f'{labels} has no georeference, so samples would have no place; '
            raise ValueError(msg + give_georeference(src))
        raster = stack.enter_context(open_raster(image, 'image'))
        check_same_grid(src, raster)
        scene = open_scene(
            raster, parse_bands(bands), parse_nodata(nodata), ignore_scale
        )
        sure = None
        if confidence is not None:
            sure = stack.enter_context(
                open_raster(expanduser(confidence), 'confidence')
            )
            check_confidence(sure)
            check_same_grid(src, sure)
        names = class_names(src)
        size = block_size or default_block_size(src, chip_size)
        check_sizes(src, chip_size, size)
        blocks = split_blocks(src, len(names), size, val_split, test_split, seed)
        make_folder(folder)
        chips = write_chips(
            src,
            names,
            scene,
            folder / 'chips',
            blocks,
            chip_size=chip_size,
            max_chips=max_chips,
            min_labelled=min_labelled,
            scale=scale,
            seed=seed,
        )
        training = folder / 'training.yaml'
        write_training(
            training,
            folder / 'chips',
            without_secrets(image),
            scene.indexes,
            scene.more_nodata,
        )
        polygons = write_polygons(src, names, folder / 'polygons.gpkg', sure)
        drawn = write_points(
            src,
            names,
            scene,
            folder / 'points.gpkg',
            blocks,
            sure,
            per_class=points,
            seed=seed,
        )
        if drawing is not None:
            draw_samples(src, raster, folder, drawing)
    print(f'{polygons} polygons: {folder / "polygons.gpkg"}')
    print(f'{sum(drawn.values())} points: {folder / "points.gpkg"}')
    counts = ', '.join(f'{count} {split}' for split, count in chips.items())
    print(f'Chips of {chip_size} px ({counts}): {folder / "chips"}')
    print(f'Classes: {", ".join(names)}')
    print(f'To train on them: {training}')
    names_of_files = ('polygons.gpkg', 'points.gpkg', 'chips/', 'training.yaml')
    written = [f'{folder}/{name}' for name in names_of_files]
    written += [] if drawing is None else [str(drawing)]
    print('Written:', *written, sep='\n  ')
