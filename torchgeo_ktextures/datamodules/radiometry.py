# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""How scenes are brought to the radiometry that a model was fitted to."""

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from ..change.places import Places
from ..datasets import Windows
from ..datasets.gains import Gains
from ..maps.radiometry import MapRadiometry

#: Whether scenes are brought to one radiometry, and by what.
type Normalize = Literal['none', 'scene', 'relative']

#: What can be chosen.
NORMALIZE = ('none', 'scene', 'relative')


@dataclass(frozen=True, eq=False)
class Radiometry:
    """What is known of the scenes that a model was fitted to."""

    #: Mean and standard deviation that the bands of each scene are brought to when
    #: *normalize* is 'scene', of shape ``(2, C)``.
    moments: npt.NDArray[np.float64] | None = None

    #: Places by which scenes are compared when it is 'relative'.
    places: Places | None = None

    #: What brings bands to those that the model was fitted to, after all else.
    adapted: Gains | None = None

    def completed(self, dataset: Windows, normalize: Normalize) -> Self:
        """Find out of scenes what is missing.

        Args:
            dataset: Scenes that a model is fitted to.
            normalize: How scenes are brought to one radiometry.

        Returns:
            What is known then.
        """
        if normalize == 'scene' and self.moments is None:
            every = [dataset.moments(i) for i in range(len(dataset))]
            return replace(self, moments=np.mean(every, axis=0))
        if normalize == 'relative' and self.places is None:
            from ..change.relative import choose_reference

            return replace(self, places=Places.of(dataset, choose_reference(dataset)))
        return self

    def bring(self, dataset: Windows, normalize: Normalize) -> None:
        """Have bands be brought to the radiometry of the model as they are read.

        Args:
            dataset: Scenes.
            normalize: How scenes are brought to one radiometry.
        """
        dataset.read_with(None)
        if normalize == 'scene':
            dataset.normalize_each(self.moments)
        elif normalize == 'relative' and self.places is not None:
            dataset.read_with(_Matches(dataset, self.places))
        if self.adapted is not None:
            dataset.read_with(_Further(dataset.find_gains, self.adapted))

    def of_map(self, dataset: Windows, file: int) -> MapRadiometry | None:
        """What a map tells of how its scene was brought to others.

        Args:
            dataset: Scenes, after :meth:`bring`.
            file: Number of the scene.

        Returns:
            Gain and offset of each band, and where they come from, or None if bands are
            as they are in the file.
        """
        gains = dataset.gains_of(file)
        if gains is None:
            return None
        find, method = dataset.find_gains, 'scene'
        if isinstance(find, _Further):
            find, method = find.first, 'adapt'
        reference, invariant = None, None
        if isinstance(find, _Matches):
            reference, invariant = find.places.name, find.shares[file]
            method = 'relative' if self.adapted is None else method
        numbers = gains.gain.tolist(), gains.offset.tolist()
        return MapRadiometry(method, reference, *numbers, invariant)

    def digest(self) -> str:
        """Tell what is known here from anything else.

        Returns:
            Hexadecimal digits, or nothing if nothing is known.
        """
        state = self.state()
        places = state.pop('places', None)
        if places is None and self.adapted is None:
            return ''
        found = hashlib.sha256(json.dumps(state).encode())
        if places is not None:
            found.update(places.pop('means').numpy().tobytes())
            found.update(json.dumps(places).encode())
        return found.hexdigest()[:16]

    def state(self) -> dict[str, Any]:
        """What goes into a checkpoint."""
        state: dict[str, Any] = {
            'reference': None if self.moments is None else self.moments.tolist()
        }
        if self.places is not None:
            state['places'] = self.places.state()
        if self.adapted is not None:
            state['adapted'] = [values.tolist() for values in self.adapted]
        return state

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Self:
        """Read what :meth:`state` has written.

        Args:
            state: State of a checkpoint; what is missing is not known.

        Returns:
            What is known.
        """
        moments, places, adapted = (
            state.get(name) for name in ('reference', 'places', 'adapted')
        )
        return cls(
            None if moments is None else np.array(moments),
            None if places is None else Places.of_state(places),
            None if adapted is None else Gains.of(*adapted),
        )


class _Matches:
    """Finds what brings scenes to the radiometry of one of them."""

    def __init__(self, dataset: Windows, places: Places) -> None:
        # Bands as they are in the files.
        self.dataset = copy.copy(dataset)
        self.places = places
        self.shares: dict[int, float | None] = {}

    def __call__(self, file: int) -> Gains:
        from ..change.relative import match_scene

        match = match_scene(self.dataset, file, self.places)
        self.shares[file] = match.invariant
        return match.gains


class _Further:
    """Goes on from one radiometry to another."""

    def __init__(self, first: Callable[[int], Gains] | None, last: Gains) -> None:
        self.first = first
        self.last = last

    def __call__(self, file: int) -> Gains:
        return self.last if self.first is None else self.first(file).then(self.last)
