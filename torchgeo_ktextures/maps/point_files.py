# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Reading files of points with names."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from pyproj.exceptions import CRSError, ProjError

from ..errors import UnreadableError, first_line

#: Layer of a file, as QGIS writes it.
_LAYER = re.compile(r'(.+?)\|layername=([^|]+)', re.IGNORECASE)


@dataclass(frozen=True)
class NamedPoints:
    """Points of a file that have a name and a place."""

    path: str
    crs: Any
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    texts: Sequence[str]
    #: Number of rows without a name, and without a place.
    nameless: int
    placeless: int
    #: Values of other columns, of those that were asked for and are there.
    others: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Number of all points of the file."""
        return len(self.x) + self.nameless + self.placeless

    def left_out(self, where: str, away: Mapping[str, int]) -> list[str]:
        """Say which points of the file cannot be used.

        Args:
            where: Where those that can be used are.
            away: Number of points with a name that are elsewhere, by where they are.

        Returns:
            Sentences, none if all can be used.
        """
        away = {**away, 'without a place': self.placeless}
        sentences = []
        if any(away.values()):
            number = sum(away.values())
            verb = 'is' if number == 1 else 'are'
            msg = f'{number} of {self.total} points {verb} not {where}: '
            parts = (f'{count} {what}' for what, count in away.items() if count)
            sentences.append(msg + ', '.join(parts))
        if self.nameless:
            verb = 'has' if self.nameless == 1 else 'have'
            sentences.append(f'{self.nameless} of {self.total} points {verb} no name')
        return sentences

    def project(
        self, crs: object, swap: bool = False
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Coordinates in another coordinate reference system.

        Args:
            crs: The other one.
            swap: Whether to take x for y and y for x.

        Returns:
            x and y, infinite or NaN where the other one does not reach.

        Raises:
            ValueError: If there is no way from one to the other.
        """
        x, y = (self.y, self.x) if swap else (self.x, self.y)
        try:
            there = gpd.GeoSeries.from_xy(x, y, crs=self.crs).to_crs(crs)
        except (CRSError, ProjError, ValueError) as error:
            msg = f'{self.path} is in {self.crs.name}, from which there is no way to '
            msg += f'the coordinate reference system of the map ({first_line(error)}); '
            raise ValueError(f'{msg}save the points in that of the map') from None
        return there.x.to_numpy(), there.y.to_numpy()


def read_named_points(
    path: str | os.PathLike[str], column: str, others: Sequence[str] = ()
) -> NamedPoints:
    """Read points with names.

    Args:
        path: Vector file, or one layer of it as QGIS names it:
            ``FILE|layername=LAYER``. Each part of a MultiPoint counts.
        column: Column of the names, in upper or lower case.
        others: Other columns to read where there are such.

    Returns:
        Those that have a name and a place. Whole numbers are names without a decimal
        point, whatever the file makes of those that are missing.

    Raises:
        FileNotFoundError: If there is no such file.
        UnreadableError: If it cannot be read.
        ValueError: If there is no layer, or more than one, of points with such a
            column, or it has no coordinate reference system.
    """
    file, layer = _split(path)
    try:
        layer = layer or _choose_layer(file, column)
        frame = gpd.read_file(file, layer=layer)
    except (OSError, RuntimeError, ValueError) as error:  # GDAL fails by either
        if isinstance(error, _LayerError):
            raise
        if not os.path.exists(file):
            msg = f'points {file!r} do not exist; check the path'
            raise FileNotFoundError(msg) from None
        msg = f'points {str(path)!r} cannot be read ({first_line(error)}); check the '
        raise UnreadableError(f'{msg}path, or save them as a GeoPackage') from None
    columns = ', '.join(repr(str(c)) for c in frame.columns if c != 'geometry')
    if not isinstance(frame, gpd.GeoDataFrame):
        msg = f'{path} has no geometry but the columns {columns}; in QGIS, add it as a '
        msg += 'delimited text layer with its columns of x and y, and save that layer '
        raise ValueError(f'{msg}as a GeoPackage')  # noqa: TRY004
    column = _find_column(path, [str(c) for c in frame.columns], column)
    if frame.crs is None:
        msg = f'{path} has no coordinate reference system, so points have no place '
        raise ValueError(msg + 'in the map; give it one')
    texts = _texts(frame[column])
    named = np.array([text != '' for text in texts], bool)
    placed = ~(frame.geometry.isna() | frame.geometry.is_empty).to_numpy()
    more = {name: frame[name].to_numpy() for name in others if name in frame}
    points = gpd.GeoDataFrame(
        {'text': texts} | more, geometry=frame.geometry.to_numpy(), crs=frame.crs
    )[named & placed].explode(ignore_index=True)
    points = points[~points.geometry.is_empty]
    other = sorted(set(points.geom_type) - {'Point'})
    if other:
        msg = f'{path} holds {other[0]}s; give points, such as their centroids'
        raise ValueError(msg)
    return NamedPoints(
        str(path),
        frame.crs,
        points.geometry.x.to_numpy(),
        points.geometry.y.to_numpy(),
        list(points['text']),
        int((placed & ~named).sum()),
        int((~placed).sum()),
        {name: points[name].to_numpy() for name in more},
    )


class _LayerError(ValueError):
    """No layer of a file can be chosen."""


def _split(path: str | os.PathLike[str]) -> tuple[str, str | None]:
    """Path of a file, and the layer if one is named."""
    text = str(path)
    found = _LAYER.fullmatch(text)
    if found is None or os.path.exists(text):
        return text, None
    return found[1], found[2]


def _choose_layer(file: str, column: str) -> str | None:
    """The only layer, or the only one of points with such a column."""
    table = gpd.list_layers(file)
    layers = {str(k): v for k, v in zip(table['name'], table['geometry_type'])}
    if len(layers) < 2:
        return None
    fit = []
    for layer, kind in layers.items():
        columns = gpd.read_file(file, layer=layer, rows=1).columns
        # Layers of mixed kinds are called Unknown.
        points = isinstance(kind, str) and re.search('Point|Unknown', kind)
        if points and column in [str(c).casefold() for c in columns]:
            fit.append(layer)
    if len(fit) == 1:
        return fit[0]
    msg = f'{file} has the layers {", ".join(layers)}, of which '
    msg += f'{", ".join(fit) if fit else "none"} hold points with a column {column!r}; '
    example = f'{Path(file).name}|layername={next(iter(fit or layers))}'
    raise _LayerError(f'{msg}name one as QGIS does: {example!r}')


def _find_column(path: str | os.PathLike[str], columns: list[str], column: str) -> str:
    if column in columns:
        return column
    found = [c for c in columns if c.casefold() == column]
    if len(found) == 1:
        return found[0]
    shown = ', '.join(repr(c) for c in columns)
    if found:
        msg = f'{path} has the columns {shown}, so that it is not clear which one '
        raise ValueError(f'{msg}holds the names; rename one to {column!r}')
    msg = f'{path} has no column {column!r} of names but {shown}; rename one'
    raise ValueError(msg)


def _texts(values: pd.Series) -> list[str]:
    """Names as text, empty where there is none."""
    known = values[values.notna()]
    # Missing values make floats of whole numbers.
    if pd.api.types.is_float_dtype(values) and (known % 1 == 0).all():
        known = known.map(int)
    texts = pd.Series('', index=values.index, dtype=object)
    texts[known.index] = [' '.join(str(value).split()) for value in known]
    return [str(text) for text in texts]
