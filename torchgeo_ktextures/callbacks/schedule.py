# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Division of the training steps among restarts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Steps of a training that begins anew some times.

    Example:
        >>> Schedule(steps=10, restarts=3).progress(5)
        0.6666666666666666
    """

    steps: int
    """Number of all steps."""

    restarts: int = 1
    """Number of restarts; the last one has what remains of the steps."""

    @property
    def length(self) -> int:
        """Number of steps of a restart."""
        return max(1, self.steps // self.restarts)

    def progress(self, step: int) -> float:
        """Tell how far a restart has come.

        Args:
            step: Number of steps that were taken.

        Returns:
            Share of the present restart that is done.
        """
        restart = min(step // self.length, self.restarts - 1)
        begin = restart * self.length
        end = begin + self.length if restart < self.restarts - 1 else self.steps
        return min(1.0, (step - begin) / max(end - begin, 1))

    def ends(self, step: int) -> bool:
        """Tell whether a restart is complete.

        Args:
            step: Number of steps that were taken, at least 1.

        Returns:
            Whether the last one of these was the last one of a restart.
        """
        early = step % self.length == 0 and step // self.length < self.restarts
        return step == self.steps or early
