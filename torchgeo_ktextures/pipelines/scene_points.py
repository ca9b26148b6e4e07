# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Labelled points of a file, and the pixels of scenes that they are in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from ..datasets import RasterWindows, open_raster
from ..maps.naming import advise, check_spelling, pixels_at
from ..maps.point_files import read_named_points
from ..maps.reading import check_georeference


@dataclass(frozen=True)
class ScenePoints:
    """Labelled points that are in scenes."""

    #: Number of the scene, row and column, of shape ``(N, 3)``.
    points: npt.NDArray[np.int64]
    classes: Sequence[str]
    #: Sentences on the points of the file that are not among these.
    left_out: Sequence[str] = ()

    def counts(self) -> dict[str, int]:
        """Number of points of each class, by name."""
        return {name: self.classes.count(name) for name in sorted(set(self.classes))}

    def within(self, before: Sequence[str], after: Sequence[str]) -> 'ScenePoints':
        """Keep the points of some scenes.

        Args:
            before: All scenes, in the order of their numbers.
            after: Those that are left, in the order of the new numbers.

        Returns:
            Points of these.

        Raises:
            ValueError: If they are of less than two classes.
        """
        number = {name: i for i, name in enumerate(after)}
        numbers = np.array([number.get(name, -1) for name in before])
        table = self.points.copy()
        table[:, 0] = numbers[table[:, 0]]
        keep = table[:, 0] >= 0
        classes = [c for c, kept in zip(self.classes, keep, strict=True) if kept]
        if len(set(classes)) < 2:
            msg = 'the scenes that can be read have points of less than two classes; '
            raise ValueError(f'{msg}repair the others, or label more points')
        return ScenePoints(table[keep], classes, self.left_out)


def read_scene_points(path: Path, data: RasterWindows) -> ScenePoints:
    """Read labelled points, and find the pixels they are in.

    Args:
        path: Vector file of points with names in a column ``class``.
        data: Scenes with georeference. A point counts in the first of them that has
            data there.

    Returns:
        Points. Those without a name, or where no scene has data, are left out.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If there are points of less than two classes in the scenes, or
            something else does not fit.
    """
    found = read_named_points(path, 'class')
    if not found.texts:
        msg = f'none of the {found.total} points of {path} has a name and a place; '
        raise ValueError(f"{msg}fill in column 'class'")
    table = np.full((len(found.texts), 3), -1, np.int64)
    inside_some = np.zeros(len(table), bool)
    for number, file in enumerate(data.files):
        with open_raster(file) as src:
            check_georeference(src)
            rows, cols, inside = pixels_at(src, *found.project(src.crs))
        inside_some |= inside
        for i in np.flatnonzero(inside & (table[:, 0] < 0)):
            row, col = int(rows[i]), int(cols[i])
            if data.read(number, Window(col, row, 1, 1))[1].all():
                table[i] = number, row, col
    keep = table[:, 0] >= 0
    names = [text for text, kept in zip(found.texts, keep, strict=True) if kept]
    if not names:
        scenes = 'the scene' if len(data.files) == 1 else 'any of the scenes'
        msg = f'none of the {len(table)} named points of {path} is in {scenes}; '
        with open_raster(data.files[0]) as src:
            raise ValueError(msg + advise(src, found, bool(inside_some.any())))
    check_spelling(path, sorted(set(names)))
    if len(set(names)) < 2:
        msg = f'all {len(names)} points of {path} in the scene are of one class, '
        raise ValueError(f'{msg}{names[0]!r}; give points of two classes at least')
    away = {
        'outside of it': int((~inside_some).sum()),
        'where it has no data': int((inside_some & ~keep).sum()),
    }
    return ScenePoints(table[keep], names, found.left_out('in the scene', away))
