# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Classes in feature space: k-means for the warm start, texture prototypes later."""

import warnings
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor, nn

from .extractors import FeatureExtractor, box_filter


class FeatureClusters(nn.Module):
    """One prototype per class in a reduced feature space, on the mask grid.

    Features of all groups are averaged over the cells of the mask grid, reduced by a
    principal component analysis per group and scaled by the weight of the group.
    Components that do not persist in space are scaled down. The prototypes are first
    the centers of k-means, then follow the features of the generated textures.
    """

    projection: Tensor
    offset: Tensor
    limit: Tensor
    prototypes: Tensor

    def __init__(
        self,
        extractors: Iterable[FeatureExtractor],
        weights: dict[str, float],
        num_classes: int,
        mask_stride: int,
        components: int = 24,
    ) -> None:
        """Initialize a new FeatureClusters instance.

        Args:
            extractors: Feature extractors of all groups.
            weights: Weight of each feature group.
            num_classes: Number of clusters, k.
            mask_stride: Stride of the mask grid in pixels.
            components: Largest number of principal components kept per group.
        """
        super().__init__()
        groups = {n: (c, e.window) for e in extractors for n, c in e.channels.items()}
        self.channels = {n: groups[n][0] for n in weights}
        self.windows = {n: groups[n][1] for n in weights}
        self.weights = weights
        self.mask_stride = mask_stride
        self.components = {n: min(components, c) for n, c in self.channels.items()}
        total, kept = sum(self.channels.values()), sum(self.components.values())
        self.register_buffer('projection', torch.zeros(total, kept))
        self.register_buffer('offset', torch.zeros(kept))
        self.register_buffer('limit', torch.full((kept,), torch.inf))
        self.register_buffer('prototypes', torch.zeros(num_classes, kept))

    def pool(self, features: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
        """Bring all groups to the mask grid and concatenate them.

        Args:
            features: Standardized features of shape ``(B, F, h, w)`` by group.
            size: Height and width of the image in pixels.

        Returns:
            Vectors of shape ``(B, sum F, ceil(H / s), ceil(W / s))``.
        """
        grid = (-(-size[0] // self.mask_stride), -(-size[1] // self.mask_stride))
        pooled = []
        for name in self.weights:
            value = features[name]
            if value.shape[-2] >= grid[0] and value.shape[-1] >= grid[1]:
                value = F.adaptive_avg_pool2d(value, grid)
            else:
                value = F.interpolate(value, grid, mode='bilinear')
            cells = self.windows[name] // self.mask_stride // 2 * 2 + 1
            pooled.append(box_filter(value, cells) if cells > 1 else value)
        return torch.cat(pooled, dim=1)

    @torch.no_grad()
    def fit(
        self,
        maps: Sequence[Tensor],
        valids: Sequence[Tensor],
        seed: int,
        n_init: int = 10,
        max_samples: int = 20_000,
    ) -> float:
        """Fit the projection and the prototypes, by k-means.

        Args:
            maps: Batches of pooled vectors of shape ``(B, sum F, h, w)``.
            valids: Validity of their cells, bool, of shape ``(B, h, w)``.
            seed: Seed of the sampling and of k-means.
            n_init: Number of k-means restarts.
            max_samples: Number of vectors used at most.

        Returns:
            Inertia per vector.

        Raises:
            ValueError: If there are fewer different vectors than clusters.
        """
        k = self.prototypes.shape[0]
        rng = np.random.default_rng(seed)
        cells = [m.movedim(1, -1)[v] for m, v in zip(maps, valids, strict=True)]
        data = torch.cat(cells).cpu().numpy().astype(np.float64)
        if len(data) > max_samples:
            data = data[rng.choice(len(data), max_samples, replace=False)]
        if len(data) < k:
            raise ValueError(self._too_few())
        column, start = 0, 0
        projection = np.zeros(tuple(self.projection.shape))
        for name, components in self.components.items():
            width = self.channels[name]
            block = data[:, column : column + width]
            count = min(components, len(block) - 1)
            pca = PCA(count, svd_solver='covariance_eigh').fit(block)
            spread = np.sqrt(max(pca.explained_variance_.sum(), 1e-12))
            projection[column : column + width, start : start + count] = (
                pca.components_.T * self.weights[name] / spread
            )
            column, start = column + width, start + components
        projection *= self._coherence(maps, valids, projection)
        # Total variance one: distances are shares of the variance.
        variance = (data @ projection).var(0).sum()
        projection /= np.sqrt(max(variance, 1e-12))
        offset = -data.mean(0) @ projection
        # A few very bright cells must not take a class for themselves.
        reduced = data @ projection + offset
        limit = 2.5 * reduced.std(0)
        reduced = reduced.clip(-limit, limit)
        with warnings.catch_warnings():
            warnings.simplefilter('error', ConvergenceWarning)
            try:
                result = KMeans(k, n_init=n_init, random_state=seed).fit(reduced)
            except ConvergenceWarning:
                raise ValueError(self._too_few()) from None
        self.projection.copy_(torch.from_numpy(projection))
        self.offset.copy_(torch.from_numpy(offset))
        self.limit.copy_(torch.from_numpy(limit))
        self.prototypes.copy_(torch.from_numpy(result.cluster_centers_))
        return float(result.inertia_) / len(reduced)

    def _too_few(self) -> str:
        msg = (
            f'the training data has fewer than num_classes={self.prototypes.shape[0]} '
        )
        return msg + 'different cells; ask for fewer classes or give a larger scene'

    def _coherence(
        self,
        maps: Sequence[Tensor],
        valids: Sequence[Tensor],
        projection: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.float64]:
        """Spatial autocorrelation of each component, along its better direction.

        Classes are regions of at least some cells: a component that does not persist
        from a cell to the next but one is noise for this purpose, such as the colour
        of a scene in which only textures differ.
        """
        weights = torch.from_numpy(projection).float()
        reduced = [m.movedim(1, -1).cpu() @ weights for m in maps]
        masks = [valid.cpu() for valid in valids]
        cells = torch.cat([r[v] for r, v in zip(reduced, masks, strict=True)])
        mean, variance = cells.mean(0), cells.double().var(0).clamp(min=1e-12)
        ratios = []
        for dim in (1, 2):
            products = []
            for values, valid in zip(reduced, masks, strict=True):
                size = values.shape[dim] - 2
                if size > 0:
                    one, two = (values.narrow(dim, i, size) - mean for i in (0, 2))
                    ok = valid.narrow(dim, 0, size) & valid.narrow(dim, 2, size)
                    products.append((one * two)[ok])
            pairs = torch.cat(products) if products else cells[:0]
            if len(pairs):
                ratios.append(pairs.double().mean(0) / variance)
        if not ratios:
            return np.ones(weights.shape[1])
        coherence: npt.NDArray[np.float64] = torch.stack(ratios).amax(0).numpy()
        return coherence.clip(0, 1)

    @torch.no_grad()
    def forward(self, features: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
        """Measure how far cells are from each prototype.

        Args:
            features: Standardized features of shape ``(B, F, h, w)`` by group.
            size: Height and width of the image in pixels.

        Returns:
            Squared distances of shape ``(B, k, ceil(H / s), ceil(W / s))``.
        """
        reduced = self._reduce(self.pool(features, size))
        distances = torch.cdist(reduced.flatten(0, 2), self.prototypes).square()
        return distances.view(*reduced.shape[:3], -1).movedim(-1, 1)

    @torch.no_grad()
    def follow(
        self, features: dict[str, Tensor], size: tuple[int, int], rate: float = 0.1
    ) -> None:
        """Move the prototypes towards the features of the textures.

        Args:
            features: Standardized features of the k textures, of shape
                ``(k, F, h, w)`` by group.
            size: Height and width of the textures in pixels.
            rate: Share of the way.
        """
        means = self._reduce(self.pool(features, size)).mean((1, 2))
        self.prototypes.lerp_(means, rate)

    def _reduce(self, vectors: Tensor) -> Tensor:
        reduced = vectors.movedim(1, -1) @ self.projection + self.offset
        return reduced.clamp(-self.limit, self.limit)
