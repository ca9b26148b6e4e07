# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The k-textures model: masks, textures and simulation."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from ..clustering import ColorPrior, PixelColors, PixelEvidence, box_filter
from .band_normalizer import BandNormalizer
from .composition import compose
from .mask_network import MaskNetwork, upsample_logits
from .masks import hard_masks
from .pixel_labels import pixel_logits
from .random_textures import RandomTextures
from .texture_generators import TextureGenerators

#: Width in pixels of the window from which single outliers are filled.
_AROUND = 5


class KTexturesModel(nn.Module):
    """Splits an image into k hard classes, each of which is a texture.

    Where local colour tells all classes, masks are those of the clusters, smoothed: a
    network learns nothing but them, and smooths less well. Else they are the network's.

    If you use this model in your research, please cite the following paper:

    * https://arxiv.org/abs/2205.08671
    """

    contrast: Tensor
    needs_network: Tensor

    def __init__(
        self, in_channels: int, num_classes: int, mask_stride: int = 4
    ) -> None:
        """Initialize a new KTexturesModel instance.

        Args:
            in_channels: Number of bands, C >= 3.
            num_classes: Number of classes, k >= 2.
            mask_stride: Scale in pixels at which classes may change: 1, 2, 4, 8 or 16.

        Raises:
            ValueError: If an argument is out of its range.
        """
        super().__init__()
        if num_classes < 2:
            msg = f'num_classes={num_classes} splits nothing, use at least 2'
            raise ValueError(msg)
        if in_channels < 3:
            msg = f'in_channels={in_channels} is too few, use at least 3 bands'
            raise ValueError(msg)
        self.num_classes = num_classes
        self.normalizer = BandNormalizer(in_channels)
        self.prior = ColorPrior(num_classes, in_channels, mask_stride)
        self.mask_network = MaskNetwork(in_channels, num_classes, mask_stride)
        self.generators = TextureGenerators(num_classes, in_channels)
        self.textures = RandomTextures(num_classes, in_channels)
        self.colors = PixelColors(num_classes, in_channels)
        # How much neighbouring cells differ in colour, and whether colour is not all.
        self.register_buffer('contrast', torch.tensor(0.0))
        self.register_buffer('needs_network', torch.tensor(True))

    @property
    def context(self) -> int:
        """Number of pixels around a pixel that decide its class, at most."""
        if self.needs_network:
            return self.mask_network.context
        # Outliers are filled from around them; interpolation reaches one cell.
        return _AROUND // 2 + self.prior.reach + self.mask_network.mask_stride

    def prepare(self, image: Tensor, valid: Tensor) -> Tensor:
        """Normalize bands and put invalid pixels at the mean.

        Single outliers get the mean of the pixels around them, so that they change
        nothing but themselves.

        Args:
            image: Bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.

        Returns:
            Normalized bands of shape ``(B, C, H, W)``.
        """
        x: Tensor = self.normalizer(image)
        keep = valid > 0
        if self.normalizer.is_beyond(image):
            beyond = self.normalizer.beyond(image)[:, None] & keep
            if beyond.any():
                inside = (keep & ~beyond).to(x.dtype)
                share = box_filter(inside, _AROUND)
                around = box_filter(x * inside, _AROUND) / share.clamp(min=1e-6)
                x = torch.where(beyond & (share >= 0.5), around, x)
        return torch.where(keep, x, 0)

    def inliers(self, image: Tensor, valid: Tensor) -> Tensor:
        """Find valid pixels that are no outliers: what a model is fitted to.

        Args:
            image: Bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.

        Returns:
            1 or 0, of shape ``(B, 1, H, W)``.
        """
        return valid * ~self.normalizer.beyond(image)[:, None]

    @torch.no_grad()
    def start_from(self, prior: ColorPrior) -> None:
        """Begin with the masks that local colour gives.

        Args:
            prior: Fitted prior, of which all but the features is taken.
        """
        own, mixture = self.prior.mixture, prior.mixture
        self.prior.moments.load_state_dict(prior.moments.state_dict())
        own.gaussians.load_state_dict(mixture.gaussians.state_dict())
        own.color_weight.copy_(mixture.color_weight)
        own.log_weights.copy_(mixture.log_weights)
        # At first the network says nothing. So what is learned does not depend on the
        # numbers of the classes, and none begins with a head start that others must
        # catch up with in few steps.
        for parameter in self.mask_network.head.parameters():
            parameter.zero_()

    def coarse_logits(
        self, x: Tensor, valid: Tensor, prior: Tensor | None = None
    ) -> Tensor:
        """Compute class logits on the mask grid.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            prior: What the prior says of them, if it is at hand.

        Returns:
            Logits of shape ``(B, k, ceil(H / s), ceil(W / s))``.
        """
        if not self.needs_network:
            return self.prior.smoothed(x, valid, self.contrast)
        logits = self.network_logits(x)
        if prior is None and self.prior.is_fitted:
            prior = self.prior(x, valid)
        return logits if prior is None else logits + prior

    def evidence(self, x: Tensor, valid: Tensor) -> PixelEvidence | None:
        """Look at what single pixels say of their class.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.

        Returns:
            What they say, for :func:`~.pixel_labels.upsample_labels`; None if masks are
            the network's, or of a version before 0.10.
        """
        if not self.colors.fitted:
            return None
        log = self.prior.moments.local.logarithm(x)
        return self.colors.around(log, valid, self.mask_network.mask_stride)

    @torch.no_grad()
    def fit_colors(self, images: Sequence[Tensor], labels: Sequence[Tensor]) -> None:
        """Learn what single pixels of the classes look like.

        Args:
            images: Batches of normalized bands of shape ``(B, C, H, W)``.
            labels: Class of each pixel, of shape ``(B, H, W)``; negative values do not
                count.
        """
        logarithm = self.prior.moments.local.logarithm
        self.colors.fit([logarithm(x) for x in images], labels)

    def network_logits(self, x: Tensor) -> Tensor:
        """Compute what the mask network says, without the prior.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.

        Returns:
            Logits of shape ``(B, k, ceil(H / s), ceil(W / s))``.
        """
        ordered = x.contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.mask_network(ordered).contiguous()
        return logits

    def upsample(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        """Bring logits to the pixel grid.

        Args:
            logits: Logits from :meth:`coarse_logits`.
            size: Height and width in pixels, ``(H, W)``.

        Returns:
            Logits of shape ``(B, k, H, W)``.
        """
        return upsample_logits(logits, self.mask_network.mask_stride, size)

    def simulate(
        self,
        masks: Tensor,
        generator: torch.Generator | None = None,
        period: float = math.inf,
    ) -> Tensor:
        """Compose images of masks times textures.

        One draw of the textures serves all images: it is seamless, so that it goes on
        beyond its border, and each image sees it from another corner.

        Args:
            masks: Masks of shape ``(B, k, H, W)``.
            generator: Pseudo-random number generator of the noise.
            period: Height and width of the draw in pixels, at most, a multiple of 8.

        Returns:
            Simulated normalized bands of shape ``(B, C, H, W)``.
        """
        cells = 2**self.generators.doublings
        height, width = masks.shape[-2:]
        size = [int(min(-(-n // cells) * cells, period)) for n in (height, width)]
        textures = self.generators(1, (size[0], size[1]), generator)[0]
        shifts = torch.randint(max(size), (len(masks), 2), generator=generator)
        return compose(masks, textures, shifts.tolist())

    @torch.no_grad()
    def fit_textures(self, images: Sequence[Tensor], valids: Sequence[Tensor]) -> None:
        """Make textures that look like the classes of the finished masks.

        Args:
            images: Batches of bands of shape ``(B, C, H, W)``.
            valids: Validity of each batch, of shape ``(B, 1, H, W)``.
        """
        prepared, labels = [], []
        for image, valid in zip(images, valids, strict=True):
            inside = self.inliers(image, valid)[:, 0] > 0
            labels.append(self(image, valid).argmax(1).masked_fill(~inside, -1))
            prepared.append(self.prepare(image, valid))
        # A class that no pixel has keeps its colour.
        self.textures.mean.copy_(self.generators.mean)
        self.textures.fit(prepared, labels)

    def draw_textures(
        self, size: tuple[int, int], generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw textures, one that looks like each class if there are such.

        Args:
            size: Height and width in pixels, ``(H, W)``.
            generator: Pseudo-random number generator of the noise.

        Returns:
            Normalized textures of shape ``(k, C, H, W)``; those of the generators
            before :meth:`fit_textures`.
        """
        if self.textures.fitted:
            drawn: Tensor = self.textures(size, generator)
        else:
            drawn = self.generators(1, size, generator)[0]
        return drawn

    @torch.no_grad()
    def calibrate(self, images: Sequence[Tensor], valids: Sequence[Tensor]) -> None:
        """Set the statistics of batch normalization to averages over a sample.

        Running averages lag behind the weights when training is short.

        Args:
            images: Batches of bands of shape ``(B, C, H, W)``.
            valids: Validity of each batch, of shape ``(B, 1, H, W)``.
        """

        def patches() -> Iterator[Tensor]:
            for image, valid in zip(images, valids, strict=True):
                x = self.prepare(image, valid)
                # Batch normalization needs more than one value for each channel.
                yield x.repeat(2, 1, 1, 1) if max(x.shape[-2:]) <= 32 else x

        update_bn(patches(), self.mask_network)

    def forward(self, image: Tensor, valid: Tensor | None = None) -> Tensor:
        """Compute class logits of raw bands.

        Args:
            image: Bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)`` (defaults to finite pixels).

        Returns:
            Logits of shape ``(B, k, H, W)``.
        """
        if valid is None:
            valid = finite_pixels(image)
        x = self.prepare(image, valid)
        logits = self.coarse_logits(x, valid)
        stride, size = self.mask_network.mask_stride, (x.shape[-2], x.shape[-1])
        return pixel_logits(logits, stride, size, self.evidence(x, valid))

    def reconstruct(
        self, logits: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Simulate the image of given logits in the units of the input.

        Args:
            logits: Logits of shape ``(B, k, H, W)``.
            generator: Pseudo-random number generator of the noise.

        Returns:
            Simulated bands of shape ``(B, C, H, W)``.
        """
        height, width = logits.shape[-2:]
        textures = self.draw_textures((height, width), generator)
        simulated = compose(hard_masks(logits), textures, [(0, 0)] * len(logits))
        return self.normalizer.inverse(simulated)


def finite_pixels(image: Tensor) -> Tensor:
    """Validity of pixels by their values alone.

    Args:
        image: Bands of shape ``(B, C, H, W)``.

    Returns:
        1 where all bands are finite, else 0, of shape ``(B, 1, H, W)``.
    """
    return image.isfinite().all(1, keepdim=True).to(image.dtype)
