# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Local colour and roughness, without mixing what lies on both sides of an edge."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from .filters import shifted_sums, window_sums
from .settings import DARK, EDGE_POWER, SHIFTS, VARIANCE_FLOOR

#: Variance of a window with too few valid pixels.
_INVALID = 1e3

#: Number of pixels of which moments are computed at once.
_PART = 2**16

#: Share of valid pixels below which a window tells too little.
_FEW = 0.3


class LocalMoments(nn.Module):
    """Mean and logarithm of the standard deviation of each band around each place.

    A window centered at an edge sees both sides, and every edge looks like a rough
    class of its own. So moments are averages over nine windows, shifted by about half
    their width, of which the smoothest count by far the most, as in Kuwahara's filter
    with the soft weights of Papari et al.

    On the linear scale, or on the logarithmic one, on which a class in the shade is as
    far from another as in the sun.

    If you use this model in your research, please cite the following papers:

    * https://doi.org/10.1007/978-1-4684-0769-3_13 (Kuwahara et al., 1976)
    * https://doi.org/10.1109/TIP.2007.903912 (Papari et al., 2007)
    """

    dark: Tensor

    def __init__(self, in_channels: int) -> None:
        """Initialize a new LocalMoments instance.

        Args:
            in_channels: Number of bands, C.
        """
        super().__init__()
        self.register_buffer('dark', torch.zeros(in_channels))

    @torch.no_grad()
    def estimate(self, pixels: Tensor, max_samples: int = 100_000) -> None:
        """Estimate how dark dark pixels are.

        Args:
            pixels: Normalized valid pixels of shape ``(N, C)``.
            max_samples: Number of pixels used at most.
        """
        some = pixels[:: -(-len(pixels) // max_samples)]
        self.dark.copy_(some.quantile(0.01, dim=0))

    def logarithm(self, x: Tensor) -> Tensor:
        """Bring bands to the logarithmic scale.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``, finite.

        Returns:
            Logarithms above the dark pixels, of the same shape.
        """
        return ((x - self.dark[:, None, None]).clamp(min=0) + DARK).log()

    def forward(
        self,
        x: Tensor,
        valid: Tensor,
        size: int,
        step: int = 1,
        others: Tensor | None = None,
    ) -> Tensor:
        """Compute moments.

        Args:
            x: Bands of shape ``(B, C, H, W)``, finite, on either scale.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            size: Width of the windows in pixels, of those in :data:`SHIFTS`.
            step: Distance in pixels of the places, of which the first is a corner.
            others: Bands of shape ``(B, D, H, W)`` of which the means over the same
                windows are wanted as well.

        Returns:
            Means and log deviations around each place, and means of the others, of
            shape ``(B, 2 * C + D, ceil(H / step), ceil(W / step))``.
        """
        return self.in_windows(window_values(x, valid, others), size, step, True)

    def in_windows(
        self, values: Tensor, size: int, step: int = 1, others: bool = False
    ) -> Tensor:
        """Compute moments of values that serve windows of several sizes.

        Args:
            values: What :func:`window_values` makes, of shape
                ``(B, 2 * C + D + 1, H, W)``.
            size: Width of the windows in pixels, of those in :data:`SHIFTS`.
            step: Distance in pixels of the places, of which the first is a corner.
            others: Whether the means of the others are wanted.

        Returns:
            Moments, see :meth:`forward`.
        """
        c = len(self.dark)
        # Shifted windows are those of places nearby.
        fine = min(step, SHIFTS[size])
        with torch.autocast(values.device.type, enabled=False):
            sums = window_sums(values, size, fine)
        # What is done with single numbers is faster band by band, sums are not.
        count = sums[:, -1:].contiguous()
        moments = sums[:, : -1 if others else 2 * c].contiguous()
        moments /= count.clamp(min=1)
        mean = moments[:, :c]
        variance = moments[:, c : 2 * c].sub_(mean.square()).clamp_(min=0)
        total = variance.sum(1, keepdim=True) + 10 * VARIANCE_FLOOR
        total += _INVALID * (count < _FEW * size**2)
        weight = total**-EDGE_POWER
        both = torch.cat([moments.mul_(weight), weight], dim=1)
        both = both.contiguous(memory_format=torch.channels_last)
        with torch.autocast(values.device.type, enabled=False):
            sums = shifted_sums(both, SHIFTS[size] // fine, step // fine)
        sums = sums.contiguous()
        moments = sums[:, :-1] / sums[:, -1:]
        variance = moments[:, c : 2 * c]
        variance.add_(VARIANCE_FLOOR).log_().mul_(0.5)
        return moments


def window_values(x: Tensor, valid: Tensor, others: Tensor | None = None) -> Tensor:
    """Put together what is added up in windows.

    Args:
        x: Bands of shape ``(B, C, H, W)``, finite, on either scale.
        valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
        others: Bands of shape ``(B, D, H, W)`` of which means are wanted as well.

    Returns:
        Bands, their squares, the others and ones, 0 where invalid, of shape
        ``(B, 2 * C + D + 1, H, W)``.
    """
    more = [] if others is None else [others]
    values = torch.cat([x, x.square(), *more, torch.ones_like(valid)], dim=1)
    values *= valid
    # In this order, convolutions with one channel each are six times as fast.
    return values.contiguous(memory_format=torch.channels_last)


class PlaceMoments(nn.Module):
    """The moments of several windows and both scales that tell classes, put together.

    Where things are is told best by small windows, how rough they are by larger ones.
    """

    def __init__(self, in_channels: int) -> None:
        """Initialize a new PlaceMoments instance.

        Args:
            in_channels: Number of bands, C.
        """
        super().__init__()
        self.local = LocalMoments(in_channels)
        #: Number of moments, d.
        self.channels = 5 * in_channels
        #: How many pixels away from a place its moments see.
        self.reach = max(size // 2 + shift for size, shift in SHIFTS.items())

    def forward(self, x: Tensor, valid: Tensor, step: int) -> Tensor:
        """Compute moments.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            step: Distance of the places in pixels.

        Returns:
            Moments of shape ``(B, d, ceil(H / step), ceil(W / step))``.
        """
        parts = list(self.in_parts(x, valid, step, step))
        return torch.cat(parts, dim=2) if len(parts) > 1 else parts[0]

    def in_parts(
        self, x: Tensor, valid: Tensor, step: int, cell: int
    ) -> Iterator[Tensor]:
        """Compute moments a few rows at a time, so that they stay in the cache.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            step: Distance of the places in pixels.
            cell: Number of pixels in a column, a multiple of the step, that are to be in
                one part.

        Yields:
            The moments of the next rows, see :meth:`forward`.
        """
        height = x.shape[-2]
        rows = max(_PART // x.shape[-1] // cell, 1) * cell
        around = -(-self.reach // step) * step
        for top in range(0, height, rows):
            start, stop = max(top - around, 0), min(top + rows + around, height)
            part = (..., slice(start, stop), slice(None))
            found = self._whole(x[part], valid[part], step)
            first = (top - start) // step
            yield found[..., first : first + rows // step, :]

    def _whole(self, x: Tensor, valid: Tensor, step: int) -> Tensor:
        """Compute moments of all rows at once."""
        log = self.local.logarithm(x)
        c = x.shape[1]
        values = window_values(log, valid, x)
        small = self.local.in_windows(values, 3, step, others=True)
        middle = self.local.in_windows(values, 5, step)
        large = self.local.in_windows(values, 9, step)
        parts = small[:, :c], small[:, 2 * c :], middle[:, c:], large
        return torch.cat(parts, dim=1)

    def each(self, x: Tensor, valid: Tensor, step: int) -> list[Tensor]:
        """Compute the moments of each window on each scale, for members of an ensemble.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            step: Distance of the places in pixels.

        Returns:
            Moments of shape ``(B, 2 * C, ceil(H / step), ceil(W / step))``, in the order
            of :data:`SHIFTS`, linear and logarithmic.
        """
        scales = [window_values(y, valid) for y in (x, self.local.logarithm(x))]
        return [
            self.local.in_windows(values, size, step)
            for size in SHIFTS
            for values in scales
        ]
