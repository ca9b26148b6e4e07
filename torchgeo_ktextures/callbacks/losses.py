# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Losses of each step."""


class Losses:
    """Losses of each step, by name."""

    def __init__(
        self, values: dict[str, list[tuple[int, float]]] | None = None
    ) -> None:
        """Initialize a new Losses instance.

        Args:
            values: Values by name, one per step in which there was one, with the step
                (defaults to none).
        """
        self.values = {} if values is None else values

    def latest(self, name: str, share: float = 0.1) -> float:
        """Mean of the last values.

        Args:
            name: Name of what was logged.
            share: Share of the values that are the last.

        Returns:
            Mean.
        """
        values = [value for _, value in self.values[name]]
        last = values[-max(1, round(share * len(values))) :]
        return sum(last) / len(last)
