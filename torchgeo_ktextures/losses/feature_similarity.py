# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Feature similarity between a real and a simulated image."""

from collections.abc import ItemsView, Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.extractors import FeatureExtractor


class _Moments:
    """Means and sums of squared deviations, added up part by part (Chan et al.).

    All vectors of a sample at once, in double precision, would take most of the memory
    of a fit.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = torch.tensor(0.0, dtype=torch.float64)
        self.squares = torch.tensor(0.0, dtype=torch.float64)

    def update(self, vectors: Tensor) -> None:
        """Add vectors of shape ``(N, F)``."""
        if not len(vectors):
            return
        var, mean = torch.var_mean(vectors.double(), 0, correction=0)
        total = self.count + len(vectors)
        delta = mean - self.mean.to(mean)
        between = delta.square() * (self.count * len(vectors) / total)
        self.squares = self.squares.to(mean) + var * len(vectors) + between
        self.mean = self.mean.to(mean) + delta * (len(vectors) / total)
        self.count = total


class ChannelStandardizer(nn.Module):
    """Standardizes channels such that their total variance is one.

    The squared distance of two standardized vectors is then a share of the variance:
    the best constant prediction of the data has a mean squared distance of one.
    """

    mean: Tensor
    gain: Tensor

    def __init__(self, channels: int) -> None:
        """Initialize a new ChannelStandardizer instance.

        Args:
            channels: Number of channels F.
        """
        super().__init__()
        self.register_buffer('mean', torch.zeros(channels))
        self.register_buffer('gain', torch.ones(channels))

    @torch.no_grad()
    def estimate(self, vectors: Tensor) -> None:
        """Estimate the statistics.

        Args:
            vectors: Feature vectors of valid cells, of shape ``(N, F)``.
        """
        moments = _Moments()
        moments.update(vectors)
        self.take(moments)

    @torch.no_grad()
    def take(self, moments: _Moments) -> None:
        """Take statistics that were added up.

        Args:
            moments: Mean and variance of the feature vectors of valid cells.
        """
        mean, var = moments.mean, moments.squares / max(moments.count, 1)
        # Channels that hardly vary are noise: they are not blown up to full variance.
        floor = 0.01 * var.mean() + 1e-12
        scaled = (var / var.maximum(floor)).sum().clamp(min=1e-12)
        self.mean.copy_(mean)
        self.gain.copy_((1 / var.maximum(floor) / scaled).sqrt())

    def forward(self, x: Tensor) -> Tensor:
        """Standardize features.

        Args:
            x: Features of shape ``(B, F, h, w)``.

        Returns:
            Standardized features of the same shape.
        """
        return (x - self.mean[:, None, None]) * self.gain[:, None, None]


class GroupModules(nn.ModuleDict):
    """Modules by the names of groups, in which layers may have dots."""

    def __setitem__(self, name: str, module: nn.Module) -> None:
        """Keep the module of a group."""
        super().__setitem__(name.replace('.', ':'), module)

    def __getitem__(self, name: str) -> nn.Module:
        """Module of a group."""
        return super().__getitem__(name.replace('.', ':'))

    def items(self) -> ItemsView[str, nn.Module]:
        """Names of groups, and their modules."""
        return {k.replace(':', '.'): module for k, module in super().items()}.items()


class FeatureSimilarityLoss(nn.Module):
    """Weighted mean squared error between features of two images.

    Each group of features is standardized per channel and divided by its total
    variance over the training data, so that a group weighs what its weight says: a
    group's loss is the share of its variance that the simulation leaves unexplained.
    The statistics are buffers and travel with a checkpoint.

    If you use this loss in your research, please cite the following paper:

    * https://arxiv.org/abs/2205.08671
    """

    def __init__(
        self, extractors: Iterable[FeatureExtractor], weights: dict[str, float]
    ) -> None:
        """Initialize a new FeatureSimilarityLoss instance.

        Args:
            extractors: Feature extractors.
            weights: Weight of each group; groups without one are not used.

        Raises:
            ValueError: If a group is unknown or a weight is not positive.
        """
        super().__init__()
        self.extractors = nn.ModuleList(extractors)
        # Modules are made in training mode, in which batch normalization would change
        # features by batch, and its statistics for good. Nobody need call train().
        self.extractors.requires_grad_(False).eval()
        channels: dict[str, int] = {}
        #: Groups that are of real images only, see :class:`FeatureExtractor`.
        self.frozen: set[str] = set()
        for extractor in self.extractors:
            assert isinstance(extractor, FeatureExtractor)
            channels.update(extractor.channels)
            if extractor.frozen:
                self.frozen |= set(extractor.channels) & set(weights)
        if not weights:
            raise ValueError('the loss has no feature group, name at least one')
        for name, weight in weights.items():
            if name not in channels:
                msg = f'feature group {name!r} is unknown, use some of '
                msg += ', '.join(sorted(channels))
                raise ValueError(msg)
            if not weight > 0:
                msg = f'the weight of feature group {name!r} is {weight}, '
                msg += 'it must be positive (leave the group out to switch it off)'
                raise ValueError(msg)
        self.weights = dict(weights)
        self.channels = {name: channels[name] for name in weights}
        self.standardizers = GroupModules(
            {name: ChannelStandardizer(count) for name, count in self.channels.items()}
        )

    def train(self, mode: bool = True) -> 'FeatureSimilarityLoss':
        """Set the training mode; extractors always stay in evaluation mode."""
        super().train(mode)
        self.extractors.eval()
        return self

    @property
    def compared(self) -> list[str]:
        """Groups of which real and simulated images are compared."""
        return [name for name in self.weights if name not in self.frozen]

    def extract(
        self, x: Tensor, valid: Tensor, frozen: bool = True
    ) -> dict[str, Tensor]:
        """Extract raw features, with invalid pixels at the mean of the bands.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            frozen: Whether to extract groups that take no part in the comparison.

        Returns:
            Features of shape ``(B, F, h, w)`` by group.
        """
        # where, not a product: invalid pixels may hold anything, NaN included.
        x = torch.where(valid > 0, x, 0)
        features: dict[str, Tensor] = {}
        for extractor in self.extractors:
            if frozen or not extractor.frozen:
                features.update(extractor(x))
        return {name: features[name] for name in self.weights if name in features}

    def features(
        self, x: Tensor, valid: Tensor, frozen: bool = True
    ) -> dict[str, Tensor]:
        """Extract standardized features.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            frozen: Whether to extract groups that take no part in the comparison.

        Returns:
            Standardized features of shape ``(B, F, h, w)`` by group.
        """
        return {
            name: self.standardizers[name](value)
            for name, value in self.extract(x, valid, frozen).items()
        }

    @torch.no_grad()
    def estimate(
        self, features: Iterable[dict[str, Tensor]], valids: Sequence[Tensor]
    ) -> None:
        """Estimate the statistics of each group on a sample of the training data.

        Args:
            features: Raw features of each batch, from :meth:`extract`.
            valids: Validity of each batch, of shape ``(B, 1, H, W)``.
        """
        moments = {name: _Moments() for name in self.weights}
        for groups, valid in zip(features, valids, strict=True):
            for name, value in groups.items():
                cells = cell_validity(valid, value.shape[-2:])[:, 0] > 0.5
                moments[name].update(value.movedim(1, -1)[cells])
        for name, found in moments.items():
            standardizer = self.standardizers[name]
            assert isinstance(standardizer, ChannelStandardizer)
            standardizer.take(found)

    def standardize(self, cells: Tensor) -> Tensor:
        """Standardize raw features that were brought to one grid.

        Args:
            cells: Raw features, all groups concatenated, of shape
                ``(B, sum F, h, w)``.

        Returns:
            Standardized features, likewise.
        """
        parts = cells.split(list(self.channels.values()), dim=1)
        pairs = zip(self.standardizers.values(), parts, strict=True)
        return torch.cat([standardizer(part) for standardizer, part in pairs], dim=1)

    def forward(
        self, simulated: Tensor, targets: dict[str, Tensor], valid: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compare a simulated image with the features of the real one.

        Args:
            simulated: Simulated bands, normalized, of shape ``(B, C, H, W)``.
            targets: Standardized features of the real image, from :meth:`features`.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.

        Returns:
            The weighted mean of the groups' losses, and the loss of each group.
        """
        groups: dict[str, Tensor] = {}
        for name, value in self.features(simulated, valid, frozen=False).items():
            error = (value - targets[name]).square().sum(1, keepdim=True)
            cells = cell_validity(valid, error.shape[-2:])
            groups[name] = (error * cells).sum() / cells.sum().clamp(min=1e-6)
        total = sum(self.weights[name] for name in groups)
        loss = torch.stack([self.weights[n] / total * v for n, v in groups.items()])
        return loss.sum(), groups


def cell_validity(valid: Tensor, size: Sequence[int]) -> Tensor:
    """Share of valid pixels of each cell of a coarser grid.

    Args:
        valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
        size: Height and width of the grid, ``(h, w)``.

    Returns:
        Shares of shape ``(B, 1, h, w)``.
    """
    if tuple(size) == tuple(valid.shape[-2:]):
        return valid
    return F.adaptive_avg_pool2d(valid, (size[0], size[1]))
