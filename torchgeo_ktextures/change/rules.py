# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What counts as a change."""

from dataclasses import dataclass

#: Value of labels without a class, in the arrays that are compared. Others are 0 to 254.
UNKNOWN = 255

#: Most classes, as they leave room for :data:`UNKNOWN`.
MOST_CLASSES = 255


@dataclass(frozen=True)
class ChangeRules:
    """When two dates of a pixel differ, and when they only seem to."""

    #: Lowest confidence of a change in percent, the mean over what differs within
    #: :data:`NEIGHBOURHOOD`, see :func:`.comparison.joint_confidence`. At 25 both dates
    #: are, on average, three to one for their class.
    min_confidence: float = 25
    #: Number of pixels by which dates may be shifted against each other. Scenes that are
    #: well registered are within one.
    tolerance: int = 1
    #: Changes of fewer pixels are none. By default one cell of the default mask stride,
    #: the smallest region that is worth a class.
    min_pixels: int = 16

    def __post_init__(self) -> None:
        """Check the rules.

        Raises:
            ValueError: If one of them is out of range.
        """
        if not 0 <= self.min_confidence <= 100:
            msg = f'min_confidence={self.min_confidence} must be from 0 to 100 percent'
            raise ValueError(msg)
        if not 0 <= self.tolerance <= MOST_TOLERANCE:
            msg = f'tolerance={self.tolerance} must be from 0 to {MOST_TOLERANCE} '
            raise ValueError(
                f'{msg}pixels; register the scenes if they are farther off'
            )
        if self.min_pixels < 1:
            msg = f'min_pixels={self.min_pixels} must be at least 1, which keeps all'
            raise ValueError(msg)


#: Most pixels of :attr:`ChangeRules.tolerance`.
MOST_TOLERANCE = 8

#: Height and width in pixels over which the confidence of a change is averaged: what a
#: class is told by, as windows of moments have up to nine and masks cells of four. The
#: rim of a change, of which no date is sure, goes with its middle.
NEIGHBOURHOOD = 7
