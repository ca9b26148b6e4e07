# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Features of backbones, which are computed once for the sample of a fit."""

from collections.abc import Iterable, Sequence
from typing import overload

import torch
from torch import Tensor, nn

from ..losses import KTexturesLoss, pad_to_grid
from ..models import BackboneFeatures, KTexturesModel

#: Memory in bytes that features of a backbone take, at most. The sample is thinned
#: until they fit: 256 patches of 96 pixels take 30 MB with a base size transformer.
MOST_BYTES = 2**29


class KeptFeatures(Sequence[Tensor]):
    """Features of a sample on the grids of their networks, which is small.

    An item is the vectors of one batch, standardized and pooled to the mask grid when
    it is asked for.
    """

    def __init__(
        self,
        model: KTexturesModel,
        criterion: KTexturesLoss,
        images: Sequence[Tensor],
        valids: Sequence[Tensor],
    ) -> None:
        """Extract features.

        Args:
            model: Model with statistics of the bands.
            criterion: Loss, of which the extractors are used, and the statistics of
                features once vectors are asked for.
            images: Batches of bands of shape ``(B, C, H, W)``.
            valids: Validity of each batch, of shape ``(B, 1, H, W)``.
        """
        self.criterion = criterion
        self.device = images[0].device
        #: Raw features by group, of each batch.
        self.raw: list[dict[str, Tensor]] = []
        #: Validity of each batch, padded to whole cells.
        self.valids: list[Tensor] = []
        for image, valid in zip(images, valids, strict=True):
            x = model.prepare(image, valid)
            x, inside = pad_to_grid(x, model.inliers(image, valid))
            found = criterion.similarity.extract(x, inside)
            self.raw.append({name: value.cpu() for name, value in found.items()})
            self.valids.append(inside)

    def __len__(self) -> int:
        """Number of batches."""
        return len(self.raw)

    @overload
    def __getitem__(self, index: int) -> Tensor: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Tensor]: ...

    def __getitem__(self, index: int | slice) -> Tensor | Sequence[Tensor]:
        """Vectors of a batch, of shape ``(B, sum F, h, w)``."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        raw = {name: value.to(self.device) for name, value in self.raw[index].items()}
        height, width = self.valids[index].shape[-2:]
        space = self.criterion.clusters.space
        cells = space.on_grid(raw, (height, width))
        return space.average(self.criterion.similarity.standardize(cells))


class LabelledSample:
    """Patches of a sample, and the class of each of their cells: what is trained on."""

    def __init__(
        self,
        model: KTexturesModel,
        kept: KeptFeatures,
        images: Sequence[Tensor],
        valids: Sequence[Tensor],
    ) -> None:
        """Find the classes of the cells.

        Args:
            model: Model with statistics of the bands.
            kept: Features of the sample.
            images: Batches of bands of shape ``(B, C, H, W)``.
            valids: Validity of each batch, of shape ``(B, 1, H, W)``.
        """
        self.patches: list[tuple[Tensor, Tensor, Tensor]] = []
        #: Classes of each batch, of shape ``(B, h, w)``.
        self.labels: list[Tensor] = []
        clusters = kept.criterion.clusters
        for i, (image, valid) in enumerate(zip(images, valids, strict=True)):
            x = model.prepare(image, valid)
            x, inside = pad_to_grid(x, model.inliers(image, valid))
            labels = clusters.classify(kept[i], x, inside)
            self.labels.append(labels)
            self.patches += zip(image, valid, labels, strict=True)

    def draw(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Draw patches at random.

        Args:
            count: Number of patches.

        Returns:
            Bands of shape ``(B, C, H, W)``, validity of shape ``(B, 1, H, W)`` and
            classes of shape ``(B, h, w)``.
        """
        order = torch.randperm(len(self.patches)).tolist()
        shape = self.patches[order[0]][0].shape
        same = [i for i in order if self.patches[i][0].shape == shape][:count]
        image, valid, labels = zip(*(self.patches[i] for i in same), strict=True)
        return torch.stack(image), torch.stack(valid), torch.stack(labels)


def thin(
    sample: tuple[list[Tensor], list[Tensor]], extractors: Iterable[nn.Module]
) -> tuple[list[Tensor], list[Tensor]]:
    """Leave out batches of a sample, evenly, until features of backbones fit.

    Args:
        sample: Batches of bands of shape ``(B, C, H, W)``, and of their validity.
        extractors: Feature extractors.

    Returns:
        Some of both, or all.
    """
    images, valids = sample
    total = 0
    for image in images:
        count, _, height, width = image.shape
        for extractor in extractors:
            if isinstance(extractor, BackboneFeatures):
                for name, stride in extractor.strides.items():
                    cells = -(-height // stride) * -(-width // stride)
                    total += 4 * count * cells * extractor.channels[name]
    every = max(1, -(-total // MOST_BYTES))
    return images[::every], valids[::every]
