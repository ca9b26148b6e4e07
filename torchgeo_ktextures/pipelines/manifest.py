# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""A record of scenes: one line of JSON for each map that was written, or failed."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..inference.origin import read_tags
from ..inference.statistics import read_summaries
from ..maps.reading import CLASSES_TAG
from ..sources import without_secrets


class Manifest:
    """Adds a line to a file for each scene.

    A line has ``scene``, ``map``, ``state`` ('done', 'kept' from an earlier run or
    'failed'), ``time`` in UTC, ``seconds`` since the map before, ``pixels`` and
    ``area_ha`` of each class, and ``error``. Several processes may add to one file.
    """

    def __init__(self, path: Path) -> None:
        """Initialize a new Manifest instance.

        Args:
            path: Path of the file, to which lines are added.
        """
        self.path = path
        self.begun = time.monotonic()

    def done(self, scene: str, output: Path) -> None:
        """Note a map that is complete.

        Args:
            scene: Raster.
            output: Its map.
        """
        now = time.monotonic()
        seconds, self.begun = now - self.begun, now
        self._add(scene, output, 'done', seconds=round(seconds, 3), **_areas(output))

    def kept(self, scene: str, output: Path) -> None:
        """Note a map that was there already.

        Args:
            scene: Raster.
            output: Its map.
        """
        self._add(scene, output, 'kept', **_areas(output))

    def failed(self, scene: str, reason: str) -> None:
        """Note a scene that has no map.

        Args:
            scene: Raster.
            reason: Why not.
        """
        self._add(scene, None, 'failed', error=reason)

    def _add(self, scene: str, output: Path | None, state: str, **more: Any) -> None:
        line = {
            'scene': without_secrets(scene),
            'map': None if output is None else str(output),
            'state': state,
            'time': datetime.now(UTC).isoformat(timespec='seconds'),
            **more,
        }
        text = json.dumps(line, ensure_ascii=False) + '\n'
        # One call, so that lines of several processes do not mix.
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(file, text.encode())
        finally:
            os.close(file)

    def complete(
        self,
        maps: Mapping[str, Path],
        made: Sequence[str],
        failures: Mapping[str, str],
    ) -> None:
        """Note what is not noted yet at the end of a run.

        Args:
            maps: Maps by scene.
            made: Scenes of which maps were made now.
            failures: Reasons by scene.
        """
        new = set(made)
        for scene, output in maps.items():
            if scene not in new:
                self.kept(scene, output)
        for scene, reason in failures.items():
            self.failed(scene, reason)


def _areas(output: Path) -> dict[str, Any]:
    tag = read_tags(output).get(CLASSES_TAG)
    if tag is None:
        return {}
    classes = read_summaries(tag)[1]
    return {
        'pixels': [c.pixels for c in classes],
        'area_ha': [
            None if c.area_ha is None else round(c.area_ha, 4) for c in classes
        ],
    }
