# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What a map tells of the light in which its scene was seen."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

#: Tag of a map that tells what its bands were multiplied by, and what was added.
RADIOMETRY_TAG = 'KTEXTURES_RADIOMETRY'


class MapRadiometry(NamedTuple):
    """How the bands of a scene were brought to those of others."""

    #: Either 'scene', by mean and standard deviation of the scene, 'relative', by places
    #: without change, or 'adapt', by the classes of a model.
    method: str
    #: Scene that it was brought to, if it was one.
    reference: str | None
    gain: Sequence[float]
    offset: Sequence[float]
    #: Share of the shared places without change, if lines are those of such places.
    invariant: float | None

    @property
    def tag(self) -> dict[str, str]:
        """Tag of the map."""
        content = self._asdict()
        for name in ('gain', 'offset'):
            content[name] = [float(f'{value:.9g}') for value in content[name]]
        return {RADIOMETRY_TAG: json.dumps(content)}

    @classmethod
    def of_tags(cls, tags: Mapping[str, str]) -> Self | None:
        """Read the tag of a map.

        Args:
            tags: Tags of the map.

        Returns:
            What it tells, or None if it tells nothing.
        """
        try:
            return cls(**json.loads(tags[RADIOMETRY_TAG]))
        except (KeyError, TypeError, ValueError):
            return None

    def sentence(self, bands: Sequence[str] = ()) -> str:
        """Say how far a scene was from others.

        Args:
            bands: Names of the bands.

        Returns:
            A part of a sentence.
        """
        names = [f'band {b}' if str(b).isdecimal() else str(b) for b in bands]
        names += [f'band {i + 1}' for i in range(len(names), len(self.gain))]
        lines = ', '.join(
            f'{name} x {gain:.3g} {"-" if offset < 0 else "+"} {abs(offset):.3g}'
            for name, gain, offset in zip(names, self.gain, self.offset, strict=False)
        )
        if set(self.gain) == {1} and set(self.offset) == {0}:
            return 'as it is' + (', others are brought to it' if self.invariant else '')
        if self.method == 'adapt':
            return f'{lines} (by the classes of the model)'
        if self.method == 'scene':
            return f'{lines} (by mean and standard deviation of the scene)'
        if self.invariant is None:
            return f'{lines} (by mean and standard deviation of the shared area)'
        return f'{lines} ({self.invariant:.0%} of the shared places are unchanged)'
