# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Distillation of the features of a larger network."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from torch import Tensor, nn

from ..models.extractors import FeatureExtractor
from .feature_similarity import ChannelStandardizer, GroupModules, cell_validity


class DistillationLoss(nn.Module):
    """Share of the main components of a teacher's features that a student misses.

    Groups of the teacher are standardized, averaged or interpolated to the stride of
    the student's group they are assigned to, concatenated and reduced to as many
    principal components as the student's group has channels. Components keep their
    variance: distances between vectors of the student are those of the teacher.

    If you use this loss in your research, please cite the following paper:

    * https://arxiv.org/abs/1412.6550
    """

    def __init__(
        self,
        teachers: Sequence[FeatureExtractor],
        assignment: dict[str, str],
        channels: dict[str, int],
        weights: dict[str, float],
    ) -> None:
        """Initialize a new DistillationLoss instance.

        Args:
            teachers: Extractors to learn from.
            assignment: Group of the student for each group of the teachers.
            channels: Number of channels of each group of the student.
            weights: Weight of each group of the teachers within its assignment.
        """
        super().__init__()
        self.teachers = nn.ModuleList(teachers)
        # In training mode, batch normalization would change what they say by batch.
        self.teachers.requires_grad_(False).eval()
        self.assignment = assignment
        self.weights = weights
        widths = {n: c for teacher in teachers for n, c in teacher.channels.items()}
        self.standardizers = GroupModules(
            {name: ChannelStandardizer(widths[name]) for name in assignment}
        )
        self.components = nn.ParameterDict()
        for group, count in channels.items():
            names = [n for n, g in assignment.items() if g == group]
            if names:
                width = sum(widths[n] for n in names)
                zeros = torch.zeros(width, min(count, width))
                self.components[group] = nn.Parameter(zeros, requires_grad=False)

    def train(self, mode: bool = True) -> 'DistillationLoss':
        """Set the training mode; teachers always stay in evaluation mode."""
        super().train(mode)
        self.teachers.eval()
        return self

    @torch.no_grad()
    def _vectors(
        self, x: Tensor, sizes: dict[str, torch.Size], standardize: bool = True
    ) -> dict[str, Tensor]:
        """Features of the teachers on the grids of the student, by teacher group."""
        features: dict[str, Tensor] = {}
        for teacher in self.teachers:
            features.update(teacher(x))
        vectors = {}
        for name, group in self.assignment.items():
            value, size = features[name], sizes[group]
            if value.shape[-2:] != size:
                finer = value.shape[-2] > size[0]
                value = (
                    F.adaptive_avg_pool2d(value, (size[0], size[1]))
                    if finer
                    else F.interpolate(value, size, mode='bilinear')
                )
            if standardize:
                value = self.standardizers[name](value) * self.weights[name]
            vectors[name] = value
        return vectors

    def _group(self, vectors: dict[str, Tensor], group: str) -> Tensor:
        names = [n for n, g in self.assignment.items() if g == group]
        return torch.cat([vectors[n] for n in names], 1)

    @torch.no_grad()
    def estimate(
        self,
        images: Sequence[Tensor],
        valids: Sequence[Tensor],
        sizes: Sequence[dict[str, torch.Size]],
        per_image: int = 256,
    ) -> dict[str, float]:
        """Estimate the statistics and components of the teachers.

        Args:
            images: Batches of shape ``(B, C, H, W)``.
            valids: Validity of each batch, of shape ``(B, 1, H, W)``.
            sizes: Height and width of the groups of the student for each batch.
            per_image: Number of vectors that are kept of each batch per group.

        Returns:
            Share of the variance that is in the components, by group of the student.
        """
        kept: dict[str, list[Tensor]] = {name: [] for name in self.assignment}
        for x, valid, size in zip(images, valids, sizes, strict=True):
            vectors = self._vectors(x, size, standardize=False)
            chosen: dict[str, Tensor] = {}
            for name, group in self.assignment.items():
                cells = vectors[name].movedim(1, -1)
                if group not in chosen:
                    ok = cell_validity(valid, cells.shape[1:3])[:, 0] > 0.5
                    place = ok.flatten().nonzero()[:, 0]
                    order = torch.randperm(len(place), device=place.device)
                    chosen[group] = place[order[:per_image]]
                kept[name].append(cells.flatten(0, 2)[chosen[group]])
        shares = {}
        for name, standardizer in self.standardizers.items():
            assert isinstance(standardizer, ChannelStandardizer)
            standardizer.estimate(torch.cat(kept[name]))
        for group, components in self.components.items():
            blocks = [
                self.standardizers[name](torch.cat(kept[name])[..., None, None])
                * self.weights[name]
                for name, g in self.assignment.items()
                if g == group
            ]
            data = torch.cat(blocks, 1)[..., 0, 0].double().cpu().numpy()
            count = min(components.shape[1], len(data) - 1)
            pca = PCA(count, svd_solver='covariance_eigh').fit(data)
            components[:, :count] = torch.from_numpy(pca.components_.T)
            shares[group] = float(pca.explained_variance_ratio_.sum())
        return shares

    def forward(
        self, student: dict[str, Tensor], x: Tensor, valid: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compare the features of the student with those of the teachers.

        Args:
            student: Features of the student of shape ``(B, F, h, w)`` by group.
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.

        Returns:
            The mean of the groups' losses, and the loss of each group: the share of
            the variance of the components that is not explained.
        """
        sizes = {name: value.shape[-2:] for name, value in student.items()}
        vectors = self._vectors(x, sizes)
        losses: dict[str, Tensor] = {}
        for group, components in self.components.items():
            target = torch.einsum(
                'bfhw,fc->bchw', self._group(vectors, group), components
            )
            found = student[group][:, : target.shape[1]]
            cells = cell_validity(valid, target.shape[-2:])
            error = ((found - target).square().sum(1, keepdim=True) * cells).sum()
            # Standardized groups have a total variance of one.
            scale = sum(
                self.weights[n] ** 2 for n, g in self.assignment.items() if g == group
            )
            losses[group] = error / (cells.sum().clamp(min=1e-6) * scale)
        return torch.stack(list(losses.values())).mean(), losses
