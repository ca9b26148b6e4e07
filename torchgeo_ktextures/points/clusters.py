# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Clusters of a scene, as many as are wanted."""

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import Tensor, nn

from ..clustering import (
    FeatureClusters,
    Sample,
    find_classes,
    middle_of_cells,
)
from ..clustering.feature_space import valid_cells
from ..losses import KTexturesLoss
from .settings import MOST_MIXTURES, SPLIT_SAMPLES


class SceneClusters(nn.Module):
    """Clusters of the cells of the mask grid: a mixture, split further where asked for.

    They are found as the classes of a segmenter are, without any training.
    """

    centers: Tensor
    parents: Tensor
    scale: Tensor
    sizes: Tensor

    def __init__(self, criterion: KTexturesLoss, num_clusters: int) -> None:
        """Initialize a new SceneClusters instance.

        Args:
            criterion: Loss of a fitted model, of which the statistics are used.
            num_clusters: Number of clusters.
        """
        super().__init__()
        space, prior = criterion.clusters.space, criterion.clusters.prior
        groups = {n: (c, space.windows[n]) for n, c in space.channels.items()}
        self.num_clusters = num_clusters
        self.num_mixtures = max(2, min(num_clusters, MOST_MIXTURES))
        channels = prior.moments.channels
        in_channels = len(prior.moments.local.dark)
        self.classes = FeatureClusters(
            groups, space.weights, self.num_mixtures, in_channels, prior.mask_stride
        )
        self.classes.prior.moments.load_state_dict(prior.moments.state_dict())
        self.classes.space.most_color = space.most_color
        count = max(self.num_mixtures, num_clusters)
        self.register_buffer('centers', torch.zeros(count, channels))
        self.register_buffer('parents', torch.arange(count))
        self.register_buffer('scale', torch.ones(channels))
        self.register_buffer('sizes', torch.zeros(count))

    @property
    def needs_features(self) -> bool:
        """Whether features tell clusters, and not moments alone."""
        return bool(self.classes.prior.mixture.color_weight < 1)

    @torch.no_grad()
    def fit(
        self, sample: Sample, seed: int, found: FeatureClusters | None = None
    ) -> None:
        """Find the clusters.

        Args:
            sample: What :func:`~.tasks.initialization.measure_cells` returns.
            seed: Seed of everything that is random.
            found: Mixtures that were found in this sample with this seed, if they are
                at hand.

        Raises:
            ValueError: If there are fewer different cells than clusters.
        """
        prior, space = self.classes.prior, self.classes.space
        if found is not None:
            self.classes.load_state_dict(found.state_dict())
        else:
            seen = sample
            if 'color' not in space.weights:  # features alone tell classes
                seen = sample._replace(moments=(), views=())
            classes = find_classes(seen, space, prior.mixture, seed, 'mixture')
            prior.mixture.load_state_dict(classes.mixture.state_dict())
        moments = valid_cells(sample.moments, sample.valids)
        reduced = [space(m).movedim(-1, 1) for m in sample.pooled]
        vectors = valid_cells(reduced, sample.valids)
        self._split(prior.mixture(vectors, moments).argmin(1), moments, seed)

    def _split(self, labels: Tensor, moments: Tensor, seed: int) -> None:
        """Split mixtures by k-means into as many clusters as there are to be."""
        sizes = torch.bincount(labels, minlength=self.num_mixtures)
        counts = torch.ones(self.num_mixtures, dtype=torch.long)
        # Large clusters are split more often, but not in proportion: small classes
        # count as much as large ones.
        while int(counts.sum()) < self.num_clusters:
            counts[(sizes**0.5 / counts).argmax()] += 1
        middle, deviation = moments.mean(0), moments.std(0, correction=0)
        self.scale.copy_(deviation.clamp(min=1e-6))
        scaled = ((moments - middle) / self.scale).clamp(-4, 4)
        rng = np.random.default_rng(seed)
        starts = counts.cumsum(0) - counts
        for parent, (start, count) in enumerate(zip(starts, counts, strict=True)):
            here = slice(int(start), int(start + count))
            self.parents[here] = parent
            own = scaled[labels == parent]
            if not len(own):
                continue
            some = own[rng.permutation(len(own))[:SPLIT_SAMPLES]].numpy()
            several = min(int(count), len(np.unique(some, axis=0)))
            kmeans = KMeans(several, n_init=1, random_state=seed).fit(some)
            here = slice(int(start), int(start) + several)
            self.centers[here] = torch.from_numpy(kmeans.cluster_centers_)
            shares = np.bincount(kmeans.labels_, minlength=several) / len(some)
            self.sizes[here] = torch.from_numpy(shares * len(own))
        self.centers.mul_(self.scale).add_(middle)

    @torch.no_grad()
    def forward(self, x: Tensor, valid: Tensor, pooled: Tensor | None = None) -> Tensor:
        """Compute the probabilities of the mixtures.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            pooled: Pooled features of shape ``(B, sum F, h, w)``, which count only
                where :attr:`needs_features` says so.

        Returns:
            Probabilities on the mask grid, of shape ``(B, k, h, w)``.
        """
        vectors = None
        if self.needs_features and pooled is not None:
            vectors = self.classes.space(pooled)
        return self.classes.prior.predict_proba(x, valid, vectors)

    @torch.no_grad()
    def assign(self, probabilities: Tensor, x: Tensor, valid: Tensor) -> Tensor:
        """Find the cluster of each cell.

        Args:
            probabilities: What :meth:`forward` returns.
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.

        Returns:
            Clusters of shape ``(B, h, w)``.
        """
        parents = probabilities.argmax(1)
        if self.num_clusters <= self.num_mixtures:
            return parents
        labels = parents.clone()
        prior = self.classes.prior
        moments = prior.moments(x, valid, prior.step)
        moments = middle_of_cells(moments, prior.places).movedim(1, -1)
        for parent in range(self.num_mixtures):
            children = (self.parents == parent).nonzero()[:, 0]
            own = parents == parent
            distances = torch.cdist(
                moments[own] / self.scale, self.centers[children] / self.scale
            )
            # Centers that were not needed lie nowhere.
            distances[:, self.sizes[children] == 0] = torch.inf
            labels[own] = children[distances.argmin(1)]
        return labels
