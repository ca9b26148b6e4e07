# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Merging the classes of a map that are most alike."""

import json
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader

from .class_tree import cut_tree
from .cog import finish_cog
from .output import (
    WRITE_ERRORS,
    check_map_name,
    make_folder,
    scratch_file,
    write_error,
)
from .reading import Labels, map_colors, nodata_of, open_labels
from .recoding import recode_map
from .sidecars import MapClasses

#: Tag of a map that tells in which order its classes merge.
TREE_TAG = 'KTEXTURES_TREE'


class MergedClass(NamedTuple):
    """Class of a merged map."""

    code: int
    #: Codes of the classes that it was made of.
    parts: tuple[int, ...]
    pixels: int
    #: None for a map without georeference.
    area_ha: float | None


def tree_tag(linkage: npt.ArrayLike, n_clusters: int | None = None) -> dict[str, str]:
    """Tag of a map.

    Args:
        linkage: Linkage matrix of its classes, see :func:`.class_tree.cut_tree`.
        n_clusters: Number of classes that are left (defaults to all).

    Returns:
        The tag.
    """
    rows = [
        [int(one), int(two), round(float(cost), 6), int(leaves)]
        for one, two, cost, leaves in np.asarray(linkage, float).reshape(-1, 4)
    ]
    left = len(rows) + 1 if n_clusters is None else n_clusters
    return {TREE_TAG: json.dumps({'linkage': rows, 'n_clusters': left})}


def read_tree(src: DatasetReader) -> tuple[npt.NDArray[np.float64], int]:
    """Read in which order the classes of a map merge.

    Args:
        src: Open map.

    Returns:
        Linkage matrix, and number of classes that the map has by now.

    Raises:
        ValueError: If the map does not tell.
    """
    try:
        content = json.loads(src.tags()[TREE_TAG])
        linkage = np.array(content['linkage'], float).reshape(-1, 4)
        number = int(content['n_clusters'])
        cut_tree(linkage, number)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        msg = f'{src.name} does not tell which of its classes are alike; give a map as '
        msg += 'segment wrote it (relabel merges classes of the same name)'
        raise ValueError(msg) from None
    return linkage, number


def merge_map(labels: Path, output: Path, n_clusters: int) -> list[MergedClass]:
    """Merge the classes of a map that are most alike, until a number of them is left.

    A merged class keeps code and colour of its larger part. Memory does not grow with
    the map.

    Args:
        labels: Map of clusters, as segment writes it.
        output: Cloud Optimized GeoTIFF to write.
        n_clusters: Number of classes wanted.

    Returns:
        Classes of the new map.

    Raises:
        OSError: If the map cannot be read, or the new one cannot be written.
        ValueError: If the map does not tell which classes are alike, or has fewer.
    """
    check_map_name(output)
    if output.resolve() == labels.resolve():
        raise ValueError(f'{output} would overwrite an input; choose another name')
    with warnings.catch_warnings(), open_labels(labels) as src:
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        linkage, number = read_tree(src)
        if not 1 <= n_clusters <= number:
            msg = f'n_clusters={n_clusters} is not possible, {labels} has {number} '
            msg += f'classes; give a number from 1 to {number}, or segment the scene '
            raise ValueError(f'{msg}again with more classes')
        found = cut_tree(linkage, n_clusters)
        tree = tree_tag(linkage, n_clusters)
        make_folder(output.parent)
        with scratch_file(output, 'merged') as scratch:
            try:
                table, nodata = _table(src, found), nodata_of(src)
                pixels, areas = recode_map(
                    src, scratch, table, nodata, len(found), tree
                )
                codes = range(len(found))
                names = [f'class {code}' for code in codes]
                colors = map_colors(src, codes)
                classes = MapClasses(names, colors, pixels, areas)
                finish_cog(scratch, output, classes)
            except WRITE_ERRORS as error:
                raise write_error(output, error) from None
    return [
        MergedClass(
            code,
            tuple((found == code).nonzero()[0].tolist()),
            pixels[code],
            None if areas is None else areas[code],
        )
        for code in np.unique(found).tolist()
    ]


def _table(src: DatasetReader, found: npt.NDArray[np.int64]) -> Labels:
    """New code of each code."""
    table: Labels = np.arange(int(np.iinfo(src.dtypes[0]).max) + 1)
    nodata = nodata_of(src)
    used = [code for code in range(len(found)) if code != nodata]
    table[used] = found[used]
    return table.astype(src.dtypes[0])
