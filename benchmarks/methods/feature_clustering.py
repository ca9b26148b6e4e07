# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Differentiable feature clustering of Kim et al., written from the paper."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans
from torch import Tensor, nn

from ..sets import Image, Labels, valid_pixels
from .method import Method, standardize


@dataclass(frozen=True)
class FeatureClustering(Method):
    """A small network that learns from its own argmax labels and from continuity.

    As in the paper: components of 3x3 convolution, ReLU and batch normalization, a
    linear classifier whose responses are normalized, cross-entropy towards the argmax of
    the responses, plus mu times the absolute differences of responses of neighbours;
    training stops once there are not more labels than wanted. Other than there, one
    network is trained on random patches of all images of a set, and as the number of
    labels is not exact, labels are merged to the wanted number: k-means on their mean
    responses, weighted by their number of pixels.

    References:
        * https://arxiv.org/abs/2007.09990 (Kim, Kanezaki and Tanaka, 2020)
    """

    components: int = 3
    channels: int = 100
    mu: float = 5.0
    learning_rate: float = 0.1
    momentum: float = 0.9
    max_steps: int = 250
    patch_size: int = 128
    batch_size: int = 1

    def fit_predict(
        self, images: Sequence[Image], n_clusters: int, seed: int
    ) -> list[Labels]:
        """Fit on images, without labels, and predict all of them."""
        masks = [valid_pixels(image) for image in images]
        inputs = [torch.from_numpy(x) for x in standardize(images, masks)]
        valids = [torch.from_numpy(v) for v in masks]
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = self._network(len(images[0]))
        self._train(network, inputs, valids, n_clusters, seed)
        return self._predict(network.eval(), inputs, valids, n_clusters, seed)

    def _network(self, bands: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        width = bands
        for _ in range(self.components):
            layers += [
                nn.Conv2d(width, self.channels, 3, padding=1),
                nn.ReLU(),
                nn.BatchNorm2d(self.channels),
            ]
            width = self.channels
        layers += [nn.Conv2d(width, self.channels, 1), nn.BatchNorm2d(self.channels)]
        return nn.Sequential(*layers).to(memory_format=torch.channels_last)

    def _train(
        self,
        network: nn.Sequential,
        inputs: Sequence[Tensor],
        valids: Sequence[Tensor],
        n_clusters: int,
        seed: int,
    ) -> None:
        optimizer = torch.optim.SGD(
            network.parameters(), self.learning_rate, self.momentum
        )
        rng = np.random.default_rng(seed)
        areas = np.array([v.sum().item() for v in valids], np.float64)
        side = min(self.patch_size, *(n for v in valids for n in v.shape))
        # One patch may lack a label that others have.
        seen: deque[set[int]] = deque(maxlen=8)
        for _ in range(self.max_steps):
            places = rng.choice(len(inputs), self.batch_size, p=areas / areas.sum())
            patches = []
            for i in places:
                height, width = valids[i].shape
                top = int(rng.integers(height - side + 1))
                left = int(rng.integers(width - side + 1))
                window = (..., slice(top, top + side), slice(left, left + side))
                patches.append((inputs[i][window], valids[i][window]))
            x, valid = (torch.stack(part) for part in zip(*patches, strict=True))
            if not valid.any():
                continue
            responses = network(x.contiguous(memory_format=torch.channels_last))
            target = responses.argmax(1)
            seen.append(set(target[valid].unique().tolist()))
            if len(seen) == seen.maxlen and len(set().union(*seen)) <= n_clusters:
                return
            target[~valid] = -100
            similarity = F.cross_entropy(responses, target)
            loss = similarity + self.mu * continuity(responses, valid)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    @torch.no_grad()
    def _predict(
        self,
        network: nn.Sequential,
        inputs: Sequence[Tensor],
        valids: Sequence[Tensor],
        n_clusters: int,
        seed: int,
    ) -> list[Labels]:
        total = torch.zeros(self.channels, self.channels, dtype=torch.double)
        count = torch.zeros(self.channels, dtype=torch.long)
        maps = []
        for x, valid in zip(inputs, valids, strict=True):
            responses = network(x[None].contiguous(memory_format=torch.channels_last))
            labels = responses[0].argmax(0)
            total.index_add_(0, labels[valid], responses[0][:, valid].T.double())
            count += labels[valid].bincount(minlength=self.channels)
            labels[~valid] = -1
            maps.append(labels.numpy())
        used = (count > 0).nonzero()[:, 0].numpy()
        names = np.full(self.channels + 1, -1)
        names[used] = np.arange(len(used))
        if len(used) > n_clusters:
            means = (total / count.clamp(min=1)[:, None]).numpy()[used]
            merger = KMeans(n_clusters, n_init=10, random_state=seed)
            names[used] = merger.fit_predict(means, sample_weight=count.numpy()[used])
        # The last name is that of -1.
        return [names[labels] for labels in maps]


def continuity(responses: Tensor, valid: Tensor) -> Tensor:
    """Mean absolute difference of responses of neighbours.

    Args:
        responses: Responses of shape ``(B, q, H, W)``.
        valid: Validity of shape ``(B, H, W)``.

    Returns:
        Sum of the means of both directions.
    """
    loss = responses.new_zeros(())
    for dim in (1, 2):
        size = valid.shape[dim] - 1
        both = valid.narrow(dim, 0, size) & valid.narrow(dim, 1, size)
        one, two = (responses.narrow(dim + 1, i, size) for i in (0, 1))
        difference = (two - one).abs().mean(1)
        loss = loss + (difference * both).sum() / both.sum().clamp(min=1)
    return loss
