# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The objective of k-textures: similarity, warm start and prototype assignment."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..clustering import FeatureClusters
from ..models import MASK_STRIDES, KTexturesModel, hard_masks
from .feature_similarity import FeatureSimilarityLoss, cell_validity

#: Height and width in pixels of the textures that are drawn in each step, a multiple of
#: all strides. Beyond, they repeat, which costs less than larger ones.
TEXTURE_SIZE = 64


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

    def simulated_share(self, model: KTexturesModel) -> float:
        """Share of the training images that are simulated.

        Args:
            model: Model.

        Returns:
            From zero, where colour tells all classes, to one; one as well if the
            similarity is all there is to learn from. Zero if there are only features of
            backbones, which are not compared.
        """
        if not self.similarity.compared:
            return 0.0
        return model.prior.texture_share() if self.assignment_weight else 1.0

    def needs_network(self, model: KTexturesModel) -> bool:
        """Whether there is anything to learn beyond what local colour tells.

        Args:
            model: Model.

        Returns:
            False where colour tells all classes, and nothing is simulated.
        """
        return bool(model.prior.texture_share() or self.simulated_share(model))

    def forward(
        self,
        model: KTexturesModel,
        image: Tensor,
        valid: Tensor,
        slope: float = 1.0,
        warm: bool = False,
        generator: torch.Generator | None = None,
        labels: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Compute the objective.

        Args:
            model: Model.
            image: Bands of shape ``(B, C, H, W)``, of any size.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            slope: Slope of the backward pass of the hard masks.
            warm: Whether this is the warm start.
            generator: Pseudo-random number generator of the noise.
            labels: Class that fits each cell best, of shape ``(B, h, w)``, if that is
                known.

        Returns:
            ``loss``; its parts ``similarity``, ``similarity_<group>`` and
            ``assignment``, the cross-entropy; and ``occupancy``, the share of the
            valid area in each class, by cells, of shape ``(k,)``. In training,
            similarity is that of the first images, the fewer the more colour tells;
            where colour tells all, nothing is simulated, and there is none.
        """
        x = model.prepare(image, valid)
        x, valid = pad_to_grid(x, model.inliers(image, valid))
        size = (x.shape[-2], x.shape[-1])
        # Simulation costs the most: where colour tells classes, part of a batch will do.
        compared = float(bool(self.similarity.compared))
        share = self.simulated_share(model) if self.training else compared
        by_features = bool(model.prior.texture_share())
        frozen = by_features and labels is None  # which takes the most time by far
        targets: dict[str, Tensor] = {}
        if share or frozen:
            targets = self.similarity.features(x, valid, frozen)
        prior = None
        if by_features and labels is None:
            labels = self.clusters(targets, x, valid)
        elif labels is None:  # features count for nothing
            prior = model.prior(x, valid)
            labels = prior.argmax(1)
        coarse = model.coarse_logits(x, valid, prior)
        cells = cell_validity(valid, coarse.shape[-2:])
        area = cells.sum().clamp(min=1e-6)
        error = F.cross_entropy(coarse, labels, reduction='none')[:, None]
        assignment = (error * cells).sum() / area
        parts = {'assignment': assignment}
        if share:
            some = slice(max(1, round(share * len(x))))
            if warm:
                masks = cluster_masks(labels[some], model.num_classes, size)
            else:
                masks = hard_masks(model.upsample(coarse[some], size), slope)
            simulated = model.simulate(masks, generator, TEXTURE_SIZE)
            real = {name: targets[name][some] for name in self.similarity.compared}
            similarity, groups = self.similarity(simulated, real, valid[some])
            weight = 1 if warm else self.assignment_weight
            parts['loss'] = similarity + weight * assignment
            parts['similarity'] = similarity
            parts |= {f'similarity_{name}': value for name, value in groups.items()}
        else:
            # Processes that train together wait for a gradient of each parameter.
            unused = sum(p.sum() for p in model.parameters())
            parts['loss'] = assignment + 0 * unused
        chosen = F.one_hot(coarse.argmax(1), model.num_classes)
        inside = torch.einsum('bhwk,bhw->k', chosen.to(cells.dtype), cells[:, 0])
        parts['occupancy'] = inside / area
        return {name: v if name == 'loss' else v.detach() for name, v in parts.items()}


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
