# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Classes in feature space: clusters for the warm start, texture prototypes later."""

import copy
import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from torch import Tensor, nn

from .extractors import FeatureExtractor, box_filter
from .mixture import ClassMixture
from .persistence import autocorrelation, persistence

#: Distance in pixels, at least two cells, at which a class should still persist.
_LAG = 8

#: What mixtures start from: whether bands are on the logarithmic scale, and the weight
#: of roughness beside mean colour in k-means.
_STARTS = ((False, 0.0), (False, 1.0), (True, 1.0))

#: How much more persistent the classes of another start must be than those of the first
#: one: smaller differences tell nothing.
_MARGIN = 0.025

#: Share of the variance that principal components keep for k-means.
_VARIANCE = 0.95

#: Number of cells, about, up to which all of them tell how classes persist.
_CELLS = 50_000

#: Rounds of expectation maximization after each of which a mixture may be taken: the
#: likelihood goes on to rise where classes get no better.
_ROUNDS = 3


class FeatureClusters(nn.Module):
    """One prototype per class in a reduced feature space, on the mask grid.

    Features of all groups are averaged over the cells of the mask grid, reduced by a
    principal component analysis per group and scaled by the weight of the group.
    Components that do not persist in space are scaled down. The prototypes are first
    the centers of clusters, then follow the features of the generated textures.

    With group ``color``, classes are also Gaussians of the local moments of the bands.
    How much these count is decided by the data: as much as colour persists in space.
    So is the scale of the bands, linear or logarithmic, and the start: of several
    mixtures, the one whose classes persist most in space is taken, that of linear mean
    colour unless another is clearly ahead.
    """

    projection: Tensor
    offset: Tensor
    limit: Tensor

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
        self.has_color = 'color' in weights
        bands = groups['color'][0] if self.has_color else 1
        self.mixture = ClassMixture(num_classes, bands, kept, mask_stride)
        self.lag = max(2, _LAG // mask_stride)
        self.register_buffer('projection', torch.zeros(total, kept))
        self.register_buffer('offset', torch.zeros(kept))
        self.register_buffer('limit', torch.full((kept,), torch.inf))

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
        moments: Sequence[Sequence[Tensor]] = (),
        max_samples: int = 10_000,
    ) -> None:
        """Fit the projection and the classes.

        Args:
            maps: Batches of pooled vectors of shape ``(B, sum F, h, w)``.
            valids: Validity of their cells, bool, of shape ``(B, h, w)``.
            seed: Seed of the sampling and of the starts.
            moments: Local moments at the middle of each cell, of shape
                ``(B, 2 * C, h, w)``, on the linear and on the logarithmic scale;
                without, the classes are those of k-means.
            max_samples: Number of vectors used at most.

        Raises:
            ValueError: If there are fewer different vectors than clusters.
        """
        k = len(self.mixture.prototypes)
        vectors, index = self.fit_space(maps, valids, seed, max_samples)
        if moments:
            valids = [valid.cpu() for valid in valids]
            self._fit_mixtures(maps, valids, moments, index, seed)
            return
        result = KMeans(k, n_init=10, random_state=seed).fit(vectors)
        self.mixture.prototypes.copy_(torch.from_numpy(result.cluster_centers_))
        self.mixture.spread.fill_(max(float(result.inertia_) / len(vectors), 1e-6))

    @torch.no_grad()
    def fit_space(
        self,
        maps: Sequence[Tensor],
        valids: Sequence[Tensor],
        seed: int,
        max_samples: int = 10_000,
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
        """Fit the projection of the features, and forget the classes.

        Args:
            maps: Batches of pooled vectors of shape ``(B, sum F, h, w)``.
            valids: Validity of their cells, bool, of shape ``(B, h, w)``.
            seed: Seed of the sampling.
            max_samples: Number of vectors used at most.

        Returns:
            Reduced features of the sample, of shape ``(N, m)``, and its numbers among
            all valid cells.

        Raises:
            ValueError: If there are fewer different vectors than clusters.
        """
        k = len(self.mixture.prototypes)
        self.mixture.forget()
        valids = [valid.cpu() for valid in valids]
        rng = np.random.default_rng(seed)
        data = _cells(maps, valids).double().numpy()
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
        # Classes are regions of some cells: a component that does not persist over some
        # pixels is noise, such as colour where only textures differ.
        weights = torch.from_numpy(projection).float()
        reduced = [m.movedim(1, -1).cpu() @ weights for m in maps]
        projection *= autocorrelation(reduced, valids, self.lag).numpy()
        # Total variance one: distances are shares of the variance.
        variance = (data @ projection).var(0).sum()
        projection /= np.sqrt(max(variance, 1e-12))
        offset = -data.mean(0) @ projection
        # A few very bright cells must not take a class for themselves.
        vectors = data @ projection + offset
        limit = 2.5 * vectors.std(0)
        vectors = vectors.clip(-limit, limit)
        self.projection.copy_(torch.from_numpy(projection))
        self.offset.copy_(torch.from_numpy(offset))
        self.limit.copy_(torch.from_numpy(limit))
        if len({row.tobytes() for row in vectors.round(6) + 0.0}) < k:  # no -0
            raise ValueError(self._too_few())
        return vectors, index

    def _fit_mixtures(
        self,
        maps: Sequence[Tensor],
        valids: Sequence[Tensor],
        moments: Sequence[Sequence[Tensor]],
        index: npt.NDArray[np.intp],
        seed: int,
    ) -> None:
        """Keep the mixture whose classes persist most in space."""
        color = [x.movedim(1, -1)[..., self._color()].cpu() for x in maps]
        trust = autocorrelation(color, valids, self.lag).mean()
        reduced = [self.reduce(x).cpu() for x in maps]
        vectors = _cells(reduced, valids, -1)[index].double()
        mixture = copy.deepcopy(self.mixture).cpu()
        mixture.color.trust.copy_(trust)
        k = len(mixture.prototypes)
        scales = [[values.cpu() for values in scale] for scale in moments]
        samples = [_cells(scale, valids)[index].double() for scale in scales]
        # Of fine cells, those of some maps, spread over all, are enough.
        some = slice(None, None, -(-sum(map(torch.numel, valids)) // _CELLS))
        best = -math.inf
        for number, (logarithmic, roughness) in enumerate(_STARTS):
            scale, pixels = scales[logarithmic], samples[logarithmic]
            mixture.color.logarithmic.fill_(logarithmic)
            start = _start(vectors, pixels, trust, roughness)
            labels = KMeans(k, n_init=10, random_state=seed).fit_predict(start)
            shares = F.one_hot(torch.from_numpy(labels).long(), k).double()
            for _ in range(_ROUNDS):
                shares = mixture.fit(vectors, pixels, shares, iterations=10)
                found = [
                    mixture(x.flatten(0, 2), y.movedim(1, -1).flatten(0, 2))
                    .argmin(1)
                    .view(x.shape[:3])
                    for x, y in zip(reduced[some], scale[some], strict=True)
                ]
                score = persistence(found, valids[some], self.lag)
                score -= _MARGIN if number else 0
                if score > best:
                    best = score
                    self.mixture.load_state_dict(mixture.state_dict())

    def _color(self) -> slice:
        """Columns of the bands in the pooled vectors."""
        names = list(self.channels)
        start = sum(self.channels[n] for n in names[: names.index('color')])
        return slice(start, start + self.channels['color'])

    def _too_few(self) -> str:
        k = len(self.mixture.prototypes)
        s = self.mask_stride
        msg = f'the training data has fewer than num_classes={k} different cells of '
        msg += f'{s} x {s} pixels; ask for fewer classes or a smaller mask_stride, or '
        return msg + 'give a larger scene'

    @torch.no_grad()
    def forward(self, features: dict[str, Tensor], x: Tensor, valid: Tensor) -> Tensor:
        """Find the most likely class of each cell.

        Args:
            features: Standardized features of shape ``(B, F, h, w)`` by group.
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.

        Returns:
            Labels of shape ``(B, ceil(H / s), ceil(W / s))``.
        """
        return self.classify(self.pool(features, (x.shape[-2], x.shape[-1])), x, valid)

    @torch.no_grad()
    def classify(self, pooled: Tensor, x: Tensor, valid: Tensor) -> Tensor:
        """Find the most likely class of each cell, from pooled features.

        Args:
            pooled: Vectors of shape ``(B, sum F, h, w)``, from :meth:`pool`.
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.

        Returns:
            Labels of shape ``(B, h, w)``, by the mean probabilities over the places of
            each cell.
        """
        color, moments = self.mixture.color, None
        if color.trust:
            moments = color.measure(x, valid, bool(color.logarithmic))
        return self.mixture.chances(self.reduce(pooled), moments).argmax(1)

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
        means = self.reduce(self.pool(features, size)).mean((1, 2))
        self.mixture.prototypes.lerp_(means, rate)

    def reduce(self, vectors: Tensor) -> Tensor:
        """Bring pooled features to the space of the prototypes.

        Args:
            vectors: Vectors of shape ``(B, sum F, h, w)``, from :meth:`pool`.

        Returns:
            Reduced features of shape ``(B, h, w, m)``.
        """
        reduced = vectors.movedim(1, -1) @ self.projection + self.offset
        return reduced.clamp(-self.limit, self.limit)


def _cells(
    maps: Sequence[Tensor], valids: Sequence[Tensor], channel: int = 1
) -> Tensor:
    """Vectors of the valid cells of all maps, of shape ``(N, F)``."""
    cells = [m.movedim(channel, -1).cpu() for m in maps]
    return torch.cat([m[v] for m, v in zip(cells, valids, strict=True)])


def _start(
    vectors: Tensor, moments: Tensor, trust: Tensor, roughness: float
) -> npt.NDArray[np.float32]:
    """What k-means starts a mixture from: moments and features, as far as trusted."""
    # Some clouds must not be all that k-means sees.
    low, high = moments.quantile(torch.tensor([0.05, 0.95]).to(moments), dim=0)
    moments = moments.clamp(2 * low - high, 2 * high - low)
    scaled = moments / moments.std(0).clamp(min=1e-6)
    half = moments.shape[1] // 2
    scaled[:, half:] *= roughness
    scaled /= (half * (1 + roughness**2)) ** 0.5
    both = torch.cat([trust.sqrt() * scaled, (1 - trust) * vectors], dim=1).float()
    # Distances hardly change, and k-means takes a third of the time.
    reduced: npt.NDArray[np.float32] = PCA(_VARIANCE).fit_transform(both.numpy())
    return reduced
