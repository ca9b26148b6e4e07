# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Random textures that look like the classes of a finished map."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Distance in pixels over which a class is correlated with itself, at most.
_REACH = 12

#: Number of principal components of the bands of each class.
_COMPONENTS = 4

#: Pixels closer than this to another class count only if a class has few others.
_RIM = 3


class RandomTextures(nn.Module):
    """One stationary Gaussian random field per class.

    Each has the mean spectrum of its class, the covariance of its bands and, along
    each principal component of these, its autocorrelation: how coarse the class is,
    and in which direction it runs. Shapes, such as those of houses, it has not.
    Textures are seamless.

    The method is that of random phase textures, Galerne, Gousseau and Morel 2011,
    https://doi.org/10.1109/TIP.2010.2052822, with statistics of irregular regions.

    Example:
        >>> textures = RandomTextures(num_classes=2, channels=4)
        >>> image, labels = torch.rand(1, 4, 64, 64), torch.zeros(1, 64, 64).long()
        >>> textures.fit([image], [labels])
        >>> textures((32, 32)).shape
        torch.Size([2, 4, 32, 32])
    """

    mean: Tensor
    components: Tensor
    autocovariance: Tensor
    fitted: Tensor

    def __init__(self, num_classes: int, channels: int) -> None:
        """Initialize a new RandomTextures instance.

        Args:
            num_classes: Number of textures, k.
            channels: Number of bands of each texture, C.
        """
        super().__init__()
        count, width = min(channels, _COMPONENTS), 2 * _REACH + 1
        shapes = {
            'mean': (num_classes, channels),
            'components': (num_classes, count, channels),
            'autocovariance': (num_classes, count, width, width),
            'fitted': (),
        }
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape))

    @torch.no_grad()
    def fit(self, images: Sequence[Tensor], labels: Sequence[Tensor]) -> None:
        """Estimate the statistics of each class; one without pixels stays as it is.

        Args:
            images: Batches of normalized bands of shape ``(B, C, H, W)``.
            labels: Class of each pixel, of shape ``(B, H, W)``; negative values do not
                count.
        """
        inner = [interior(each, _RIM) for each in labels]
        for i in range(len(self.mean)):
            masks = [each == i for each in inner]
            # Thin classes have no interior.
            if sum(int(m.sum()) for m in masks) < (2 * _REACH) ** 2:
                masks = [each == i for each in labels]
            if any(m.any() for m in masks):
                self._fit_class(i, images, masks)
        self.fitted.fill_(1)

    def _fit_class(
        self, i: int, images: Sequence[Tensor], masks: Sequence[Tensor]
    ) -> None:
        # Batches without the class are left out: torch 2.6 cannot transform nothing.
        kept = [
            (x[own], m[own])
            for x, m in zip(images, masks)
            for own in [_any(m)]
            if own.any()
        ]
        pixels = torch.cat([x.movedim(1, -1)[m] for x, m in kept]).double()
        mean = pixels.mean(0)
        centered = pixels - mean
        _, vectors = torch.linalg.eigh(centered.mT @ centered / len(centered))
        components = vectors.mT[-self.components.shape[1] :].to(self.components)
        self.mean[i], self.components[i] = mean.to(self.mean), components
        offset = self.mean[i][:, None, None]
        along, counted = [], []
        for x, m in kept:
            mask = m[:, None].to(x.dtype)
            inside = torch.einsum('pc,bchw->bphw', components, (x - offset) * mask)
            along.append(_autocorrelation(inside))
            counted.append(_autocorrelation(mask))
        products, counts = torch.stack(along).sum(0), torch.stack(counted).sum(0)
        # Few pairs of pixels say nothing about a distance.
        known = counts > 0.01 * counts.max()
        self.autocovariance[i] = torch.where(known, products / counts.clamp(min=1), 0)

    def forward(
        self, size: tuple[int, int], generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw textures.

        Args:
            size: Height and width in pixels, ``(H, W)``.
            generator: Pseudo-random number generator of the noise, on the CPU.

        Returns:
            Textures of shape ``(k, C, H, W)`` in normalized units, seamless unless
            smaller than 25 pixels.
        """
        width = 2 * _REACH + 1
        height_, width_ = (max(n, width) for n in size)
        steps = torch.arange(-_REACH, _REACH + 1, device=self.mean.device)
        far = (steps[:, None] ** 2 + steps**2).sqrt() / (_REACH + 1)
        # Towards zero at the border, or else it would show as ripples.
        taper = (1 + (far.clamp(max=1) * math.pi).cos()) / 2
        around = F.pad(
            self.autocovariance * taper, (0, width_ - width, 0, height_ - width)
        )
        power = torch.fft.rfft2(around.roll((-_REACH, -_REACH), (-2, -1)))
        amplitude = power.real.clamp(min=0).sqrt()
        noise = torch.randn(*around.shape, generator=generator).to(around)
        fields = torch.fft.irfft2(
            torch.fft.rfft2(noise) * amplitude, s=around.shape[-2:]
        )
        # What was clipped, and few pixels of noise, must not change the contrast.
        variance = self.autocovariance[..., _REACH, _REACH].clamp(min=0)
        found = fields.var((-2, -1), correction=0).clamp(min=1e-12)
        fields = fields * (variance / found).sqrt()[..., None, None]
        fields = fields - fields.mean((-2, -1), keepdim=True)
        textures = torch.einsum('kpc,kphw->kchw', self.components, fields)
        textures = textures + self.mean[..., None, None]
        return textures[..., : size[0], : size[1]]


def interior(labels: Tensor, distance: int) -> Tensor:
    """Leave out what is near another class.

    Args:
        labels: Classes of shape ``(B, H, W)``; negative values are none.
        distance: Distance in pixels, along rows and columns.

    Returns:
        Classes, -1 near others, of the same shape.
    """
    values = labels[:, None].float()
    width = 2 * distance + 1
    most = F.max_pool2d(values, width, 1, distance)
    least = -F.max_pool2d(-values, width, 1, distance)
    return labels.masked_fill((most != least)[:, 0], -1)


def _any(masks: Tensor) -> Tensor:
    """Which masks of a batch are not empty."""
    return masks.flatten(1).any(1)


def _autocorrelation(x: Tensor) -> Tensor:
    """Sum of the products of all pairs of pixels at each distance, over a batch."""
    height, width = x.shape[-2:]
    size = (height + _REACH, width + _REACH)
    power = torch.fft.rfft2(x, s=size).abs().square().sum(0)
    products = torch.fft.irfft2(power, s=size).roll((_REACH, _REACH), (-2, -1))
    found = products[..., : 2 * _REACH + 1, : 2 * _REACH + 1]
    side = 2 * _REACH + 1
    return F.pad(found, (0, side - found.shape[-1], 0, side - found.shape[-2]))
