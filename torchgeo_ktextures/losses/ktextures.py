# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The objective of k-textures: similarity, warm start and prototype assignment."""

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models import (
    MASK_STRIDES,
    FeatureClusters,
    KTexturesModel,
    hard_masks,
)
from .feature_similarity import FeatureSimilarityLoss, cell_validity

#: What classes begin with.
type Init = Literal['mixture', 'kmeans', 'random']

#: Height and width in pixels of the textures that are drawn in each step, a multiple of
#: all strides. Beyond, they repeat, which costs less than larger ones.
_TEXTURE_SIZE = 64


class KTexturesLoss(nn.Module):
    """What a k-textures model minimizes.

    In the warm start, the mask network learns clusters of colour and features by
    cross-entropy, and each generator learns the texture of its cluster.

    Then hard masks times textures simulate the image, and its features are compared
    with those of the real image. That loss reaches the masks through single pixels,
    at which a change of class says little about features of a whole neighbourhood, so
    the masks go on to minimize the cross-entropy towards the class that fits a cell
    best, now by its colour and by the features of the generated textures.
    """

    def __init__(
        self,
        similarity: FeatureSimilarityLoss,
        clusters: FeatureClusters,
        assignment_weight: float = 3.0,
    ) -> None:
        """Initialize a new KTexturesLoss instance.

        Args:
            similarity: Loss between the real and the simulated image.
            clusters: Prototypes of the classes in feature space.
            assignment_weight: Weight of the cross-entropy beside the similarity, after
                the warm start.
        """
        super().__init__()
        self.similarity = similarity
        self.clusters = clusters
        self.assignment_weight = assignment_weight

    @torch.no_grad()
    def estimate(
        self,
        model: KTexturesModel,
        images: Sequence[Tensor],
        valids: Sequence[Tensor],
    ) -> list[Tensor]:
        """Estimate all statistics on a sample of the training data.

        Args:
            model: Model, of which the normalization is set.
            images: Batches of bands of shape ``(B, C, H, W)``.
            valids: Validity of each batch, of shape ``(B, 1, H, W)``.

        Returns:
            Pooled features of each batch, which :meth:`initialize` takes.

        Raises:
            ValueError: If there are fewer valid pixels than classes, or they are all
                the same.
        """
        pairs = list(zip(images, valids, strict=True))
        pixels = torch.cat([x.movedim(1, -1)[v[:, 0] > 0] for x, v in pairs])
        if len(pixels) < model.num_classes:
            count = f'{len(pixels)} valid pixel{"" if len(pixels) == 1 else "s"}'
            msg = f'the training data has {count}, fewer than num_classes='
            msg += f'{model.num_classes}; give a larger scene, or check nodata'
            raise ValueError(msg)
        model.normalizer.estimate(pixels)
        if self.clusters.has_color:
            n = model.normalizer
            color = self.clusters.mixture.color
            color.moments.estimate((pixels.clamp(n.low, n.high) - n.mean) / n.std)
        padded = [
            pad_to_grid(model.prepare(x, v), model.inliers(x, v)) for x, v in pairs
        ]
        maps: list[Tensor] = []

        def extracted() -> Iterator[dict[str, Tensor]]:
            for x, valid in padded:
                features = self.similarity.extract(x, valid)
                maps.append(self.clusters.pool(features, (x.shape[-2], x.shape[-1])))
                yield features

        self.similarity.estimate(extracted(), [valid for _, valid in padded])
        return [self.similarity.standardize(pooled) for pooled in maps]

    @torch.no_grad()
    def initialize(
        self,
        model: KTexturesModel,
        images: Sequence[Tensor],
        valids: Sequence[Tensor],
        seed: int,
        pooled: Sequence[Tensor] | None = None,
        init: Init = 'mixture',
    ) -> None:
        """Find clusters, and give each generator the mean colour of its cluster.

        With ``init='random'`` there are no clusters: prototypes are the features of the
        textures that the generators begin with.

        Args:
            model: Model, of which the mean colours and the prior are set.
            images: Batches of bands of shape ``(B, C, H, W)``.
            valids: Validity of each batch, of shape ``(B, 1, H, W)``.
            seed: Seed of the clusters.
            pooled: What :meth:`estimate` returned, if it is at hand.
            init: Whether classes begin as those of the 'mixture' of local moments and
                features, as those of 'kmeans' on features, or 'random'.

        Raises:
            ValueError: If the data has fewer different cells than classes.
        """
        maps, cells, batches = list(pooled or ()), [], []
        color = self.clusters.mixture.color
        moments: list[list[Tensor]] = [[], []] if self.clusters.has_color else []
        for i, (image, valid) in enumerate(zip(images, valids, strict=True)):
            x = model.prepare(image, valid)
            x, valid = pad_to_grid(x, model.inliers(image, valid))
            if pooled is None:
                features = self.similarity.features(x, valid)
                maps.append(self.clusters.pool(features, (x.shape[-2], x.shape[-1])))
            middle = slice(color.places - 1, None, color.places)
            for logarithmic, some in enumerate(moments):
                values = color.measure(x, valid, bool(logarithmic))
                some.append(values[..., middle, middle])
            middle = slice((color.places - 1) * color.step, None, color.mask_stride)
            shares = cell_validity(valid, maps[i].shape[-2:])
            cells.append(((shares > 0.5) & (valid[..., middle, middle] > 0))[:, 0])
            batches.append((x, valid))
        if init == 'random':
            self.clusters.fit_space(maps, cells, seed)
            self.follow_textures(model, rate=1)
            return
        self.clusters.fit(maps, cells, seed, moments if init == 'mixture' else ())
        if color.trust:
            model.start_from(color)
        sums, counts = [], []
        for (x, valid), vectors in zip(batches, maps, strict=True):
            labels = self.clusters.classify(vectors, x, valid)
            size = (x.shape[-2], x.shape[-1])
            masks = cluster_masks(labels, model.num_classes, size) * valid
            sums.append(torch.einsum('bkhw,bchw->kc', masks, x))
            counts.append(masks.sum((0, 2, 3)))
        total = torch.stack(counts).sum(0)[:, None]
        means = torch.stack(sums).sum(0) / total.clamp(min=1)
        model.generators.set_means(means)

    def forward(
        self,
        model: KTexturesModel,
        image: Tensor,
        valid: Tensor,
        slope: float = 1.0,
        warm: bool = False,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Compute the objective.

        Args:
            model: Model.
            image: Bands of shape ``(B, C, H, W)``, of any size.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            slope: Slope of the backward pass of the hard masks.
            warm: Whether this is the warm start.
            generator: Pseudo-random number generator of the noise.

        Returns:
            ``loss``; its parts ``similarity``, ``similarity_<group>`` and
            ``assignment``, the cross-entropy; and ``occupancy``, the share of the
            valid area in each class, by cells, of shape ``(k,)``. In training,
            similarity is that of the first images, the fewer the more colour tells.
        """
        x = model.prepare(image, valid)
        x, valid = pad_to_grid(x, model.inliers(image, valid))
        size = (x.shape[-2], x.shape[-1])
        targets = self.similarity.features(x, valid)
        labels = self.clusters(targets, x, valid)
        coarse = model.coarse_logits(x, valid)
        cells = cell_validity(valid, coarse.shape[-2:])
        area = cells.sum().clamp(min=1e-6)
        error = F.cross_entropy(coarse, labels, reduction='none')[:, None]
        assignment = (error * cells).sum() / area
        # Simulation costs the most: where colour tells classes, part of a batch will do.
        share = model.prior.texture_share() if self.training else 1
        some = slice(max(1, round(share * len(x))))
        if warm:
            masks = cluster_masks(labels[some], model.num_classes, size)
        else:
            masks = hard_masks(model.upsample(coarse[some], size), slope)
        simulated = model.simulate(masks, generator, _TEXTURE_SIZE)
        seen = {name: value[some] for name, value in targets.items()}
        similarity, groups = self.similarity(simulated, seen, valid[some])
        weight = 1 if warm else self.assignment_weight
        parts = {'loss': similarity + weight * assignment}
        parts |= {'similarity': similarity, 'assignment': assignment}
        parts |= {f'similarity_{name}': value for name, value in groups.items()}
        chosen = F.one_hot(coarse.argmax(1), model.num_classes)
        inside = torch.einsum('bhwk,bhw->k', chosen.to(cells.dtype), cells[:, 0])
        parts['occupancy'] = inside / area
        return {name: v if name == 'loss' else v.detach() for name, v in parts.items()}

    @torch.no_grad()
    def follow_textures(self, model: KTexturesModel, rate: float) -> None:
        """Move the prototypes of the classes towards the generated textures.

        Args:
            model: Model.
            rate: Share of the way.
        """
        size = _TEXTURE_SIZE
        textures = model.generators(1, (size, size))[0]
        chunks = []
        for chunk in textures.split(16):
            valid = chunk.new_ones(len(chunk), 1, size, size)
            chunks.append(self.similarity.features(chunk, valid))
        features = {n: torch.cat([c[n] for c in chunks]) for n in chunks[0]}
        self.clusters.follow(features, (size, size), rate)


def pad_to_grid(x: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Pad with invalid pixels, so that all feature maps share the cells of the masks.

    Args:
        x: Normalized bands of shape ``(B, C, H, W)``.
        valid: Validity of shape ``(B, 1, H, W)``.

    Returns:
        Both, of a height and width that the coarsest stride divides.
    """
    coarsest = MASK_STRIDES[-1]
    pad = (0, -x.shape[-1] % coarsest, 0, -x.shape[-2] % coarsest)
    return F.pad(x, pad), F.pad(valid, pad)


def cluster_masks(labels: Tensor, num_classes: int, size: tuple[int, int]) -> Tensor:
    """Masks on the pixel grid of labels on the mask grid.

    Args:
        labels: Labels of shape ``(B, h, w)``.
        num_classes: Number of classes, k.
        size: Height and width in pixels.

    Returns:
        Masks of shape ``(B, k, H, W)``, 0 or 1.
    """
    masks = F.one_hot(labels, num_classes).movedim(-1, 1).float().contiguous()
    return F.interpolate(masks, size)
