# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""From a sample of patches to what a model begins with."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..clustering import (
    Init,
    Initialization,
    Sample,
    cluster_means,
    find_classes,
    middle_moments,
    middle_views,
    valid_middles,
)
from ..clustering.settings import CELL
from ..clustering.spatial import mean_contrast
from ..losses import KTexturesLoss, pad_to_grid
from ..losses.ktextures import TEXTURE_SIZE
from ..models import KTexturesModel
from .kept_features import KeptFeatures


@torch.no_grad()
def estimate_statistics(
    model: KTexturesModel,
    criterion: KTexturesLoss,
    images: Sequence[Tensor],
    valids: Sequence[Tensor],
) -> Sequence[Tensor]:
    """Estimate the statistics of bands and features on a sample.

    Args:
        model: Model, of which the normalization is set.
        criterion: Loss, of which the statistics are set.
        images: Batches of bands of shape ``(B, C, H, W)``.
        valids: Validity of each batch, of shape ``(B, 1, H, W)``.

    Returns:
        Pooled features of each batch, which :func:`begin` takes.

    Raises:
        ValueError: If there are fewer valid pixels than classes, or they are all the
            same.
    """
    pairs = list(zip(images, valids, strict=True))
    pixels = torch.cat([x.movedim(1, -1)[v[:, 0] > 0] for x, v in pairs])
    if len(pixels) < model.num_classes:
        count = f'{len(pixels)} valid pixel{"" if len(pixels) == 1 else "s"}'
        msg = f'the training data has {count}, fewer than num_classes='
        msg += f'{model.num_classes}; give a larger scene, or check nodata'
        raise ValueError(msg)
    n = model.normalizer
    n.estimate(pixels)
    normalized = (pixels.clamp(n.low, n.high) - n.mean) / n.std
    criterion.clusters.prior.moments.local.estimate(normalized)
    similarity, space = criterion.similarity, criterion.clusters.space
    if similarity.frozen:
        kept = KeptFeatures(model, criterion, images, valids)
        similarity.estimate(kept.raw, [valid.cpu() for valid in kept.valids])
        return kept
    padded = [pad_to_grid(model.prepare(x, v), model.inliers(x, v)) for x, v in pairs]
    maps: list[Tensor] = []

    def extracted() -> Iterator[dict[str, Tensor]]:
        for x, valid in padded:
            features = similarity.extract(x, valid)
            maps.append(space.on_grid(features, (x.shape[-2], x.shape[-1])))
            yield features

    similarity.estimate(extracted(), [valid for _, valid in padded])
    return [space.average(similarity.standardize(cells)) for cells in maps]


type _Batches = list[tuple[Tensor, Tensor]]


@torch.no_grad()
def measure(
    model: KTexturesModel,
    criterion: KTexturesLoss,
    images: Sequence[Tensor],
    valids: Sequence[Tensor],
    pooled: Sequence[Tensor] | None = None,
    init: Init = 'mixture',
) -> tuple[Sample, _Batches]:
    """Measure in the cells of a sample what classes are found by.

    Args:
        model: Model with statistics.
        criterion: Loss with statistics.
        images: Batches of bands of shape ``(B, C, H, W)``.
        valids: Validity of each batch, of shape ``(B, 1, H, W)``.
        pooled: What :func:`estimate_statistics` returned, if it is at hand.
        init: What classes begin with, see :func:`~.clustering.find_classes`.

    Returns:
        What was measured, and normalized bands and their validity, padded to the mask
        grid.
    """
    batches = [
        pad_to_grid(model.prepare(image, valid), model.inliers(image, valid))
        for image, valid in zip(images, valids, strict=True)
    ]
    color = init == 'mixture' and 'color' in criterion.clusters.space.weights
    return measure_cells(criterion, batches, pooled, color), batches


@torch.no_grad()
def measure_cells(
    criterion: KTexturesLoss,
    batches: Sequence[tuple[Tensor, Tensor]],
    pooled: Sequence[Tensor] | None = None,
    moments: bool = True,
) -> Sample:
    """Measure in the cells of normalized bands what classes are found by.

    Args:
        criterion: Loss with statistics.
        batches: Normalized bands and their validity, of heights and widths that the
            coarsest stride divides.
        pooled: Their pooled features, if they are at hand.
        moments: Whether moments are wanted.

    Returns:
        What was measured.
    """
    similarity, space = criterion.similarity, criterion.clusters.space
    local = criterion.clusters.prior.moments
    own, middles, views = [], [], []
    for x, valid in batches:
        if pooled is None:
            features = similarity.features(x, valid)
            own.append(space.pool(features, (x.shape[-2], x.shape[-1])))
        if moments:
            middles.append(middle_moments(local, x, valid))
            views.append(middle_views(local, x, valid))
    maps = own if pooled is None else pooled
    cells = [valid_middles(valid) for _, valid in batches]
    return Sample(maps, cells, middles, list(zip(*views, strict=True)))


@torch.no_grad()
def begin(
    model: KTexturesModel,
    criterion: KTexturesLoss,
    images: Sequence[Tensor],
    valids: Sequence[Tensor],
    seed: int,
    pooled: Sequence[Tensor] | None = None,
    init: Init = 'mixture',
) -> Initialization:
    """Find classes in a sample, and let masks, targets and textures begin with them.

    With ``init='random'`` there are none: prototypes are the features of the textures
    that the generators begin with.

    Args:
        model: New model with statistics, of which prior and mean colours are set.
        criterion: Loss with statistics, of which the classes are set.
        images: Batches of bands of shape ``(B, C, H, W)``.
        valids: Validity of each batch, of shape ``(B, 1, H, W)``.
        seed: Seed of k-means.
        pooled: What :func:`estimate_statistics` returned, if it is at hand.
        init: What classes begin with, see :func:`~.clustering.find_classes`.

    Returns:
        The classes.

    Raises:
        ValueError: If the data has fewer different cells than classes.
    """
    clusters = criterion.clusters
    prior = clusters.prior
    sample, batches = measure(model, criterion, images, valids, pooled, init)
    found_classes = find_classes(sample, clusters.space, prior.mixture, seed, init)
    prior.mixture.load_state_dict(found_classes.mixture.state_dict())
    if init == 'random':
        follow_textures(model, criterion, rate=1)
        return found_classes
    if prior.is_fitted:
        model.start_from(prior)
        bands = len(prior.moments.local.dark)
        guides = [m[:, :bands].movedim(1, -1).cpu() for m in sample.moments]
        lag = max(1, prior.mask_stride // CELL)
        model.contrast.copy_(mean_contrast(guides, sample.valids, lag))
    model.needs_network.fill_(criterion.needs_network(model))
    labels = []
    for (x, valid), vectors in zip(batches, sample.pooled, strict=True):
        coarse = clusters.classify(vectors, x, valid)
        s = prior.mask_stride
        fine = coarse.repeat_interleave(s, 1).repeat_interleave(s, 2)
        fine = fine[:, : x.shape[-2], : x.shape[-1]]
        labels.append(fine.masked_fill(valid[:, 0] <= 0, -1))
    means = cluster_means([x for x, _ in batches], labels, model.num_classes)
    if not model.needs_network:
        model.fit_colors([x for x, _ in batches], labels)
    model.generators.set_means(means)
    model.generators.flat.fill_(not criterion.simulated_share(model))
    return found_classes


@torch.no_grad()
def follow_textures(
    model: KTexturesModel, criterion: KTexturesLoss, rate: float
) -> None:
    """Move the prototypes of the classes towards the generated textures.

    Args:
        model: Model.
        criterion: Loss, of which the prototypes are moved.
        rate: Share of the way.
    """
    if not model.prior.texture_share() or criterion.similarity.frozen:
        return  # features count for nothing, or are not of generated textures
    size = (TEXTURE_SIZE, TEXTURE_SIZE)
    textures = model.generators(1, size)[0]
    chunks = []
    for chunk in textures.split(16):
        valid = chunk.new_ones(len(chunk), 1, *size)
        chunks.append(criterion.similarity.features(chunk, valid))
    features = {n: torch.cat([c[n] for c in chunks]) for n in chunks[0]}
    criterion.clusters.follow(features, size, rate)
