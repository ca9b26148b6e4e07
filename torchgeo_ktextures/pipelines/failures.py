# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Scenes that failed, while the others go on."""

import sys
from collections.abc import Sequence

from ..errors import first_line
from ..sources import without_secrets


class ScenesFailedError(OSError):
    """Raised at the end when some scenes failed."""


class Failures:
    """Collects the scenes of a batch that failed."""

    def __init__(self, skip: bool, total: int, least: int = 1) -> None:
        """Begin without failures.

        Args:
            skip: Whether to go on without a scene that fails.
            total: Number of scenes.
            least: Number of scenes that must be left.
        """
        self.skip = skip
        self.total = total
        self.least = least
        self.reasons: dict[str, str] = {}

    def take(self, scene: str | None, error: Exception, scenes: Sequence[str]) -> bool:
        """Note a failure, if it is to be skipped.

        Args:
            scene: The scene, if it is known.
            error: Why it failed.
            scenes: Scenes that are left, with this one.

        Returns:
            True if the others are to go on, False if the error is to be raised.
        """
        if not self.skip or scene not in scenes or len(scenes) <= self.least:
            return False
        assert scene is not None
        reason = first_line(error)
        self.reasons[scene] = reason
        print(f'Skipped {reason}', file=sys.stderr)
        return True

    def report(self) -> None:
        """Show a table of failures, if there are any.

        Raises:
            ScenesFailedError: If a scene failed.
        """
        if not self.reasons:
            return
        count = f'{len(self.reasons)} of {self.total} scenes'
        print(f'\nFailed: {count}', file=sys.stderr)
        for scene, reason in self.reasons.items():
            shown = without_secrets(scene)
            print(f'  {shown}: {reason.removeprefix(shown).strip()}', file=sys.stderr)
        msg = f'{count} failed, see the list above; the maps of the others are written'
        raise ScenesFailedError(msg)
