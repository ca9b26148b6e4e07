# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Classes in feature space: clusters for the warm start, texture prototypes later."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from torch import Tensor, nn

from .extractors import FeatureExtractor, box_filter
from .local_moments import MomentGaussians
from .mixture import feature_energy, fit_mixture

#: Distance in pixels, at least two cells, at which a class should still persist.
_LAG = 8


class FeatureClusters(nn.Module):
    """One prototype per class in a reduced feature space, on the mask grid.

    Features of all groups are averaged over the cells of the mask grid, reduced by a
    principal component analysis per group and scaled by the weight of the group.
    Components that do not persist in space are scaled down. The prototypes are first
    the centers of clusters, then follow the features of the generated textures.

    With group ``color``, classes are also Gaussians of the local moments of the bands.
    How much these count is decided by the data: as much as colour persists in space.
    """

    trust: Tensor
    spread: Tensor
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
        bands = groups['color'][0] if 'color' in groups else 1
        self.gaussians = MomentGaussians(num_classes, 2 * bands)
        self.register_buffer('trust', torch.tensor(0.0))
        self.register_buffer('spread', torch.tensor(1.0))
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
        moments: Sequence[Tensor] | None = None,
        max_samples: int = 20_000,
    ) -> None:
        """Fit the projection and the classes.

        Args:
            maps: Batches of pooled vectors of shape ``(B, sum F, h, w)``.
            valids: Validity of their cells, bool, of shape ``(B, h, w)``.
            seed: Seed of the sampling and of the starts.
            moments: Local moments of a pixel of each cell, of shape
                ``(B, 2 * C, h, w)``; without, the classes are those of k-means.
            max_samples: Number of vectors used at most.

        Raises:
            ValueError: If there are fewer different vectors than clusters.
        """
        k = self.prototypes.shape[0]
        rng = np.random.default_rng(seed)
        cells = [m.movedim(1, -1)[v] for m, v in zip(maps, valids, strict=True)]
        data = torch.cat(cells).cpu().numpy().astype(np.float64)
        if len(data) < k:
            raise ValueError(self._too_few())
        index = np.arange(len(data))
        if len(data) > max_samples:
            index = rng.choice(len(data), max_samples, replace=False)
        data = data[index]
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
        self.projection.copy_(torch.from_numpy(projection))
        self.offset.copy_(torch.from_numpy(offset))
        self.limit.copy_(torch.from_numpy(limit))
        if moments is None or 'color' not in self.weights:
            self.trust.fill_(0)
        else:
            self.trust.copy_(self._color_coherence(maps, valids))
        if len(np.unique(reduced.round(6), axis=0)) < k:
            raise ValueError(self._too_few())
        if moments is None:
            result = KMeans(k, n_init=10, random_state=seed).fit(reduced)
            self.prototypes.copy_(torch.from_numpy(result.cluster_centers_))
            self.spread.fill_(max(float(result.inertia_) / len(reduced), 1e-6))
            return
        pixels = [m.movedim(1, -1)[v] for m, v in zip(moments, valids, strict=True)]
        prototypes, spread = fit_mixture(
            self.gaussians,
            torch.cat(pixels).cpu()[index],
            torch.from_numpy(reduced),
            self.trust,
            seed,
        )
        self.prototypes.copy_(prototypes)
        self.spread.copy_(spread)

    def _too_few(self) -> str:
        msg = (
            f'the training data has fewer than num_classes={self.prototypes.shape[0]} '
        )
        return msg + 'different cells; ask for fewer classes or give a larger scene'

    def _color_coherence(
        self, maps: Sequence[Tensor], valids: Sequence[Tensor]
    ) -> Tensor:
        """Mean spatial autocorrelation of the bands."""
        names = list(self.channels)
        start = sum(self.channels[n] for n in names[: names.index('color')])
        select = np.eye(sum(self.channels.values()))
        select = select[:, start : start + self.channels['color']]
        return torch.tensor(self._coherence(maps, valids, select).mean())

    def _coherence(
        self,
        maps: Sequence[Tensor],
        valids: Sequence[Tensor],
        projection: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.float64]:
        """Spatial autocorrelation of each component, along its better direction.

        Classes are regions of at least some cells: a component that does not persist
        over some pixels is noise for this purpose, such as the colour of a scene in
        which only textures differ.
        """
        weights = torch.from_numpy(projection).float()
        reduced = [m.movedim(1, -1).cpu() @ weights for m in maps]
        masks = [valid.cpu() for valid in valids]
        cells = torch.cat([r[v] for r, v in zip(reduced, masks, strict=True)])
        mean, variance = cells.mean(0), cells.double().var(0).clamp(min=1e-12)
        lag = max(2, _LAG // self.mask_stride)
        ratios = []
        for dim in (1, 2):
            products = []
            for values, valid in zip(reduced, masks, strict=True):
                size = values.shape[dim] - lag
                if size > 0:
                    one, two = (values.narrow(dim, i, size) - mean for i in (0, lag))
                    ok = valid.narrow(dim, 0, size) & valid.narrow(dim, lag, size)
                    products.append((one * two)[ok])
            pairs = torch.cat(products) if products else cells[:0]
            if len(pairs):
                ratios.append(pairs.double().mean(0) / variance)
        if not ratios:
            return np.ones(weights.shape[1])
        coherence: npt.NDArray[np.float64] = torch.stack(ratios).amax(0).numpy()
        return coherence.clip(0, 1)

    @torch.no_grad()
    def forward(
        self,
        features: dict[str, Tensor],
        size: tuple[int, int],
        moments: Tensor | None = None,
    ) -> Tensor:
        """Measure how unlikely each class is.

        Args:
            features: Standardized features of shape ``(B, F, h, w)`` by group.
            size: Height and width of the image in pixels.
            moments: Local moments of shape ``(B, 2 * C, H, W)``.

        Returns:
            Energies (negative log-likelihoods but for a constant) of shape
            ``(B, k, ceil(H / s), ceil(W / s))``, the means of the pixels of each cell.
        """
        return self.energy(self.pool(features, size), moments)

    @torch.no_grad()
    def energy(self, pooled: Tensor, moments: Tensor | None = None) -> Tensor:
        """Measure how unlikely each class is, from pooled features.

        Args:
            pooled: Vectors of shape ``(B, sum F, h, w)``, from :meth:`pool`.
            moments: Local moments of shape ``(B, 2 * C, H, W)``.

        Returns:
            Energies of shape ``(B, k, h, w)``, see :meth:`forward`.
        """
        reduced = self._reduce(pooled)
        distances = torch.cdist(reduced.flatten(0, 2), self.prototypes).square()
        distances = distances.view(*reduced.shape[:3], -1).movedim(-1, 1)
        energy = feature_energy(distances, self.spread, self.trust)
        if moments is None or not self.trust:
            return energy
        pixels = self.gaussians(moments.movedim(1, -1).flatten(0, 2))
        pixels = pixels.view(len(moments), *moments.shape[2:], -1).movedim(-1, 1)
        grid = (energy.shape[-2], energy.shape[-1])
        return energy + self.trust * F.adaptive_avg_pool2d(pixels, grid)

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
