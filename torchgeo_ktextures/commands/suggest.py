# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The command that suggests where to label."""

from collections.abc import Sequence
from typing import Literal

from .options import parse_bands, parse_nodata


def suggest(
    labels: str,
    output: str,
    *,
    image: str | None = None,
    count: int | None = None,
    points: str | None = None,
    checkpoint: str | None = None,
    confidence: str | None = None,
    names: str | None = None,
    for_: Literal['labels', 'assessment'] = 'labels',
    min_per_class: int = 20,
    bands: str | Sequence[str | int] | None = None,
    nodata: str | float | Sequence[float] | None = None,
    report: str | None = None,
    seed: int = 0,
) -> None:
    """Suggest places to label, best first, for classify or for assess.

    Writes points with an empty column "class" for you to fill in, in QGIS or in the
    report. To make a map of them, places are typical of each cluster, large and varied
    clusters first; then come what these do not stand for. To assess a map, they are a
    random sample of each of its classes.

    Args:
        labels: Map of clusters, or the map to assess.
        output: GeoPackage of points to write, with a style for QGIS.
        image: Scene on the grid of the map. Without it, the map alone decides.
        count: Number of places (defaults to 30, or to assess a map to 50 for each
            class).
        points: Points that have a class already; places are such that they add to
            them.
        checkpoint: Model that made the map. With it, places are chosen by what it knows
            of the scene, and by where it is in doubt.
        confidence: Raster of the confidence of each pixel, 0 to 100 percent.
        names: Classes to choose from in QGIS, such as forest,water,city (defaults to
            those of the points, or of the map to assess).
        for_: Whether the points are for 'labels', or for the 'assessment' of a map.
        min_per_class: To assess a map, the number of points of each class at least; the
            rest is shared out by area.
        bands: Names or numbers of the bands of the scene, as 4,3,2,8, in the order red,
            green, blue, near infrared.
        nodata: Values of the scene that mean no data, besides those that it declares.
        report: HTML page to write, with pictures of each place, in which classes can be
            typed and saved.
        seed: Seed of what is random.
    """
    from os.path import expanduser
    from pathlib import Path

    from ..pipelines.suggestion import SuggestOptions, suggest_places

    def path(text: str | None) -> Path | None:
        return None if text is None else Path(expanduser(text))

    options = SuggestOptions(
        labels=Path(expanduser(labels)),
        output=Path(expanduser(output)),
        image=None if image is None else expanduser(image),
        count=count,
        points=path(points),
        checkpoint=path(checkpoint),
        confidence=path(confidence),
        names=[name.strip() for name in (names or '').split(',') if name.strip()],
        for_assessment=for_ == 'assessment',
        min_per_class=min_per_class,
        bands=parse_bands(bands),
        nodata=parse_nodata(nodata),
        report=path(report),
        seed=seed,
    )
    suggest_places(options)
