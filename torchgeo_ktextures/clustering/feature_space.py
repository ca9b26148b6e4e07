# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The reduced space of the features of all groups, in cells of a scene."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from torch import Tensor, nn

from .filters import edge_filter
from .settings import CELL, LAG
from .spatial import autocorrelation


class FeatureSpace(nn.Module):
    """Principal components of each group of features, scaled by what they tell.

    Features are averaged over cells of 4 x 4 pixels. Each group counts by its weight,
    and each component by how much it persists in space: what does not is noise, such as
    colour where only textures differ.
    """

    projection: Tensor
    offset: Tensor
    limit: Tensor

    def __init__(
        self,
        groups: Mapping[str, tuple[int, int]],
        weights: Mapping[str, float],
        components: int = 24,
    ) -> None:
        """Initialize a new FeatureSpace instance.

        Args:
            groups: Number of channels of each group, and width in pixels over which
                they are averaged.
            weights: Weight of each group.
            components: Largest number of principal components kept per group.
        """
        super().__init__()
        self.channels = {n: groups[n][0] for n in weights}
        self.windows = {n: groups[n][1] for n in weights}
        self.weights = dict(weights)
        self.components = {n: min(components, c) for n, c in self.channels.items()}
        #: How much colour counts at most, from 0 to 1, where it tells classes as well.
        self.most_color = 1.0
        total, kept = sum(self.channels.values()), sum(self.components.values())
        self.register_buffer('projection', torch.zeros(total, kept))
        self.register_buffer('offset', torch.zeros(kept))
        self.register_buffer('limit', torch.full((kept,), torch.inf))

    def columns(self, name: str) -> slice:
        """Find the columns of a group in pooled vectors.

        Args:
            name: Name of the group.

        Returns:
            Its columns.
        """
        names = list(self.channels)
        start = sum(self.channels[n] for n in names[: names.index(name)])
        return slice(start, start + self.channels[name])

    def on_grid(self, features: Mapping[str, Tensor], size: tuple[int, int]) -> Tensor:
        """Bring all groups to the grid of the cells and concatenate them.

        Args:
            features: Features of shape ``(B, F, h, w)`` by group.
            size: Height and width of the image in pixels.

        Returns:
            Vectors of shape ``(B, sum F, ceil(H / 4), ceil(W / 4))``.
        """
        grid = (-(-size[0] // CELL), -(-size[1] // CELL))
        cells = []
        for name in self.weights:
            value = features[name]
            if value.shape[-2] >= grid[0] and value.shape[-1] >= grid[1]:
                cells.append(F.adaptive_avg_pool2d(value, grid))
            else:
                cells.append(F.interpolate(value, grid, mode='bilinear'))
        return torch.cat(cells, dim=1)

    def average(self, cells: Tensor) -> Tensor:
        """Average each group over its window, on one side of edges.

        Args:
            cells: Standardized vectors of cells, from :meth:`on_grid`.

        Returns:
            Vectors of the same shape.
        """
        averages = []
        for name, value in zip(
            self.weights, cells.split(list(self.channels.values()), 1), strict=True
        ):
            size = self.windows[name] // CELL // 2 * 2 + 1
            averages.append(edge_filter(value, size) if size > 1 else value)
        return torch.cat(averages, dim=1)

    def pool(self, features: Mapping[str, Tensor], size: tuple[int, int]) -> Tensor:
        """Bring all groups to the grid of the cells, and average them.

        Args:
            features: Standardized features of shape ``(B, F, h, w)`` by group.
            size: Height and width of the image in pixels.

        Returns:
            Vectors of shape ``(B, sum F, ceil(H / 4), ceil(W / 4))``.
        """
        return self.average(self.on_grid(features, size))

    @torch.no_grad()
    def fit(
        self, maps: Sequence[Tensor], valids: Sequence[Tensor], index: Tensor
    ) -> Tensor:
        """Fit the projection.

        Args:
            maps: Batches of pooled vectors of shape ``(B, sum F, h, w)``.
            valids: Validity of their cells, bool, of shape ``(B, h, w)``.
            index: Ascending numbers of the cells to fit to, among all valid ones, of
                shape ``(N,)``.

        Returns:
            Reduced features of these cells, of shape ``(N, m)``, double.
        """
        data = chosen_cells(maps, valids, index).double().numpy()
        start = 0
        projection = np.zeros(tuple(self.projection.shape))
        for name, components in self.components.items():
            columns = self.columns(name)
            block = data[:, columns]
            count = min(components, len(block) - 1)
            pca = PCA(count, svd_solver='covariance_eigh').fit(block)
            spread = np.sqrt(max(pca.explained_variance_.sum(), 1e-12))
            projection[columns, start : start + count] = (
                pca.components_.T * self.weights[name] / spread
            )
            start += components
        weights = torch.from_numpy(projection).float()
        reduced = [m.movedim(1, -1).cpu() @ weights for m in maps]
        projection *= autocorrelation(reduced, valids, LAG // CELL).numpy()
        # Total variance one: distances are shares of the variance.
        variance = (data @ projection).var(0).sum()
        projection /= np.sqrt(max(variance, 1e-12))
        offset = -data.mean(0) @ projection
        # A few very bright cells must not take a class for themselves.
        vectors = data @ projection + offset
        limit = 2.5 * vectors.std(0)
        self.projection.copy_(torch.from_numpy(projection))
        self.offset.copy_(torch.from_numpy(offset))
        self.limit.copy_(torch.from_numpy(limit))
        return torch.from_numpy(vectors.clip(-limit, limit))

    def forward(self, vectors: Tensor) -> Tensor:
        """Reduce pooled features.

        Args:
            vectors: Vectors of shape ``(B, sum F, h, w)``, from :meth:`pool`.

        Returns:
            Reduced features of shape ``(B, h, w, m)``.
        """
        reduced = vectors.movedim(1, -1) @ self.projection + self.offset
        return reduced.clamp(-self.limit, self.limit)


def chosen_cells(
    maps: Sequence[Tensor], valids: Sequence[Tensor], index: Tensor
) -> Tensor:
    """Vectors of some of the valid cells, with one map at a time in memory.

    Args:
        maps: Batches of vectors of shape ``(B, F, h, w)``.
        valids: Validity of their cells, bool, on the CPU, of shape ``(B, h, w)``.
        index: Ascending numbers of the cells among all valid ones, of shape ``(N,)``.

    Returns:
        Vectors of shape ``(N, F)``, on the CPU.
    """
    start, parts = 0, []
    for vectors, valid in zip(maps, valids, strict=True):
        cells = vectors.movedim(1, -1).cpu()[valid]
        stop = start + len(cells)
        parts.append(cells[index[(index >= start) & (index < stop)] - start])
        start = stop
    return torch.cat(parts)


def valid_cells(maps: Sequence[Tensor], valids: Sequence[Tensor]) -> Tensor:
    """Vectors of the valid cells of all maps.

    Args:
        maps: Batches of vectors of shape ``(B, F, h, w)``.
        valids: Validity of their cells, bool, on the CPU, of shape ``(B, h, w)``.

    Returns:
        Vectors of shape ``(N, F)``, on the CPU.
    """
    cells = [m.movedim(1, -1).cpu() for m in maps]
    return torch.cat([m[v] for m, v in zip(cells, valids, strict=True)])
