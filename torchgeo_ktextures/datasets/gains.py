# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Gain and offset of bands, from one radiometry to another."""

from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

type _Array = npt.NDArray[np.float64]


class Gains(NamedTuple):
    """A line for each band."""

    #: What bands are multiplied by, of shape ``(C,)``.
    gain: _Array
    #: What is added then, of shape ``(C,)``, in units of the result.
    offset: _Array

    @classmethod
    def of(cls, gain: npt.ArrayLike, offset: npt.ArrayLike) -> Self:
        """Make lines of numbers.

        Args:
            gain: Gain of each band.
            offset: Offset of each band.

        Returns:
            The lines.
        """
        return cls(np.array(gain, np.float64), np.array(offset, np.float64))

    def apply(self, bands: npt.NDArray[np.float32]) -> None:
        """Bring bands to the other radiometry, in place.

        Args:
            bands: Bands of shape ``(C, ...)``.
        """
        shape = (-1, *(1,) * (bands.ndim - 1))
        bands *= self.gain.astype(np.float32).reshape(shape)
        bands += self.offset.astype(np.float32).reshape(shape)

    @property
    def inverse(self) -> 'Gains':
        """The way back."""
        return Gains(1 / self.gain, -self.offset / self.gain)

    def then(self, other: 'Gains') -> 'Gains':
        """Go on from the other radiometry to a third one.

        Args:
            other: Lines from the other one to the third.

        Returns:
            Lines from this one to the third.
        """
        return Gains(self.gain * other.gain, self.offset * other.gain + other.offset)
