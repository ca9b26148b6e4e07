# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Clusters of maps, in place of those of a segmenter."""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from rasterio.windows import Window
from torch import Tensor

from ..datasets import PixelWindow, open_raster
from ..datasets.identity import digest_of
from ..datasets.sample import Sample
from ..maps.reading import (
    MODEL_TAG,
    check_same_grid,
    count_labels,
    map_colors,
    nodata_of,
    open_labels,
    read_part,
)
from .settings import MOST_CODES, STEP


class ClusterMaps:
    """Maps of clusters of scenes, which are read window by window.

    Numbers mean the same in all of them.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        """Initialize a new ClusterMaps instance.

        Args:
            paths: Label map of each scene.

        Raises:
            OSError: If a map cannot be read.
            ValueError: If a map is not on the grid of its scene, if maps are of
                different models, or if there are too few or too many clusters.
        """
        self.paths = dict(paths)
        counts = np.zeros(2**16, np.int64)
        models: dict[str, Path] = {}
        first: dict[int, tuple[int, int, int]] = {}
        for scene, path in self.paths.items():
            with open_labels(path) as src, open_raster(scene) as raster:
                check_same_grid(src, raster)
                found = count_labels(src)
                counts[: len(found)] += found
                models.setdefault(src.tags().get(MODEL_TAG, ''), path)
                codes = np.flatnonzero(found).tolist()
                for code, color in zip(codes, map_colors(src, codes), strict=True):
                    first.setdefault(code, color)
        names = [*map(str, self.paths.values())]
        if len(models) > 1:
            one, other = [*models.values()][:2]
            msg = f'{one} and {other} were not made by the same model, so that their '
            raise ValueError(f'{msg}numbers mean different clusters; classify each')
        #: Codes of the clusters, in the order of the shares.
        self.codes = np.flatnonzero(counts)
        #: Red, green and blue of each cluster.
        self.colors = [first[code] for code in self.codes.tolist()]
        if not 2 <= len(self.codes) <= MOST_CODES:
            msg = f'{names[0]} has {len(self.codes)} clusters, but there must be 2 to '
            msg += f'{MOST_CODES}; '
            more = 'merge some with torchgeo-ktextures merge'
            raise ValueError(msg + (more if len(self.codes) > 2 else 'use another map'))
        self._numbers = np.full(len(counts), len(self.codes))
        self._numbers[self.codes] = np.arange(len(self.codes))
        # Of maps elsewhere nobody can tell whether they are still the same.
        self._identity = digest_of([], names) or secrets.token_hex(32)

    def identity(self) -> Tensor:
        """Tell maps from others.

        Returns:
            32 numbers, uint8, the same as long as no map has changed.
        """
        return torch.tensor(list(bytes.fromhex(self._identity)), dtype=torch.uint8)

    def shares(self, batch: Sample, scenes: Sequence[str]) -> Tensor:
        """Read what share of each place is of each cluster.

        Args:
            batch: Batch with ``window`` (B, 9), of one size.
            scenes: Scenes, by their number in the windows.

        Returns:
            Shares of shape ``(B, k, ceil(H / 2), ceil(W / 2))``, all the same where a
            map has no data.

        Raises:
            UnreadableError: If a map cannot be read.
        """
        windows = [PixelWindow(*index) for index in batch['window'].tolist()]
        return torch.stack([self._read(scenes[w.file], w) for w in windows])

    def _read(self, scene: str, w: PixelWindow) -> Tensor:
        with open_labels(self.paths[scene]) as src:
            labels = read_part(src, Window(w.col, w.row, w.width, w.height))
            nodata = nodata_of(src)
        count = len(self.codes)
        numbers = self._numbers[labels]
        numbers[labels == nodata] = count
        edges = (0, -w.width % STEP, 0, -w.height % STEP)
        padded = F.pad(torch.from_numpy(numbers), edges, value=count)
        pixels = F.pixel_unshuffle(padded[None], STEP)
        shape = pixels.shape[1:]
        pixels = pixels.flatten(1).T
        sums = torch.zeros(len(pixels), count + 1)
        sums.scatter_add_(1, pixels, torch.ones(()).expand(pixels.shape))
        found = sums[:, :count]
        known = found.sum(1, keepdim=True)
        found = torch.where(known > 0, found / known.clamp(min=1), 1 / count)
        return found.T.reshape(count, *shape)
