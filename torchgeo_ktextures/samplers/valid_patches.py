# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Random patches with enough valid pixels."""

import math
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from shapely import MultiPolygon, Polygon
from torchgeo.datasets import GeoDataset
from torchgeo.datasets.utils import GeoSlice
from torchgeo.samplers import TemporalSampler

from ..datasets.planet import PlanetDataset
from .patch_places import PatchPlaces, boxes_within
from .pixel_grid import check_size
from .sharding import rank_and_world_size
from .spatial import PixelSampler
from .times import times_of


class ValidPatchSampler(PixelSampler):
    """Draws patches at whole pixels at random, where enough of them are valid.

    Each patch is inside one file. Its centre is equally likely to be anywhere, and
    patches that would leave the file are moved inside: borders are drawn as often as the
    middle. The same seed gives the same patches, epochs differ. Under distributed
    training each process has its own part of the same draws.
    """

    strategy = 'random'

    def __init__(
        self,
        dataset: GeoDataset,
        *,
        size: tuple[int, int] | int,
        length: int | None = None,
        min_valid: float = 0.5,
        balance: Literal['area', 'files'] = 'area',
        roi: Polygon | MultiPolygon | None = None,
        seed: int = 0,
    ) -> None:
        """Initialize a new ValidPatchSampler instance.

        Args:
            dataset: Dataset to sample from.
            size: Height and width of each patch in pixels.
            length: Number of patches per epoch, of all processes (defaults to the
                number of patches that cover the dataset once).
            min_valid: Share of the pixels of a patch that must be valid; 0 takes any
                patch, of any raster dataset.
            balance: Whether all valid 'area' is equally likely or all 'files'.
            roi: Region of interest that patches must be inside of (defaults to the
                whole dataset).
            seed: Seed of the random numbers.

        Raises:
            TypeError: If the dataset does not tell which pixels are valid.
            ValueError: If an argument is out of its range, or no patch fits.
        """
        super().__init__(dataset, roi=roi)
        self.size = check_size(size)
        if not 0 <= min_valid <= 1:
            raise ValueError(f'min_valid={min_valid} must be between 0 and 1')
        if balance not in ('area', 'files'):
            raise ValueError(f"balance={balance!r} must be 'area' or 'files'")
        if min_valid and not isinstance(dataset, PlanetDataset):
            msg = f'{type(dataset).__name__} does not tell which pixels are valid; use '
            msg += 'PlanetBasemap or PlanetScope, or min_valid=0'
            raise TypeError(msg)
        self.imagery = dataset
        self.min_valid = min_valid
        self.needed = math.ceil(min_valid * self.size[0] * self.size[1] - 1e-9)
        self.balance = balance
        self.roi = roi
        self.seed = seed
        #: Left, bottom, right and top of each file.
        self.file_bounds: npt.NDArray[np.float64] = dataset.index.bounds.to_numpy()
        left, bottom, right, top = self.file_bounds.T
        self.shapes = np.stack(
            [(top - bottom) / self.res[1], (right - left) / self.res[0]], 1
        )
        self.shapes = self.shapes.round().astype(int)
        large = (self.shapes >= self.size).all(1)
        self.weights = np.where(
            large, self.shapes.prod(1) if balance == 'area' else 1, 0
        ).astype(float)
        self.places: dict[int, PatchPlaces] = {}
        if not large.any():
            height, width = self.shapes[self.shapes.min(1).argmax()]
            msg = f'no patch of {self.size[0]} x {self.size[1]} pixels fits into any '
            msg += f'file: the largest has {height} x {width}; use a smaller size'
            raise ValueError(msg)
        area = self.shapes[large].prod(1).sum()
        self.length = length or max(1, round(area / math.prod(self.size)))
        if self.length < 1:
            raise ValueError(f'length={length} must be at least 1')
        self._update_weights()
        # Fail now rather than in the middle of an epoch.
        self._draw(np.random.default_rng(seed))

    def _update_weights(self) -> None:
        self.cumulative = self.weights.cumsum()
        if not self.cumulative[-1] > 0:
            msg = f'no patch of {self.size[0]} x {self.size[1]} pixels has '
            msg += f'{self.min_valid:.0%} valid pixels'
            msg += ' inside the region of interest' if self.roi is not None else ''
            msg += '; use a smaller size or a lower min_valid'
            raise ValueError(msg)

    def _find_places(self, file: int) -> PatchPlaces:
        left, _, _, top = self.file_bounds[file]
        height, width = (int(n) for n in self.shapes[file])
        survey = None
        if self.needed:
            assert isinstance(self.imagery, PlanetDataset)
            path = self.imagery.index.filepath.iloc[file]
            survey = self.imagery.survey(path)
            if tuple(survey.shape) != (height, width):
                msg = f'{path} is not read on its own grid; min_valid={self.min_valid} '
                msg += 'needs the dataset in the CRS and the resolution of its files'
                raise ValueError(msg)
        within = None
        if self.roi is not None:
            within = boxes_within(self.roi, left, top, self.res)
        return PatchPlaces((height, width), self.size, survey, self.needed, within)

    def _draw(self, rng: np.random.Generator) -> tuple[slice, slice]:
        while True:
            total = self.cumulative[-1]
            file = int(np.searchsorted(self.cumulative, rng.random() * total, 'right'))
            file = min(file, len(self.weights) - 1)
            if file not in self.places:
                # What is valid is found out when a file is first drawn.
                self.places[file] = self._find_places(file)
                self._reweigh(file)
                continue
            places = self.places[file]
            before = places.exact
            place = places.draw(rng)
            while place is None and self.balance == 'files' and places.exact is before:
                place = places.draw(rng)
            if place is not None:
                return self._slices(file, *place)
            if places.exact is not before:
                self._reweigh(file)

    def _reweigh(self, file: int) -> None:
        weight = self.places[file].weight
        self.weights[file] = weight if self.balance == 'area' else float(weight > 0)
        self._update_weights()

    def _slices(self, file: int, row: int, col: int) -> tuple[slice, slice]:
        left, _, _, top = (float(v) for v in self.file_bounds[file])
        xres, yres = self.res
        height, width = self.size
        return (
            slice(left + col * xres, left + (col + width) * xres),
            slice(top - (row + height) * yres, top - row * yres),
        )

    def __len__(self) -> int:
        """Return the number of patches of this process; all have as many."""
        return math.ceil(self.length / rank_and_world_size()[1])

    def _draws(self) -> Iterator[tuple[np.random.Generator, bool]]:
        """Generator of random numbers, and whether a draw is for this process."""
        rng = np.random.default_rng([self.seed, self.epoch])
        self.epoch += 1
        rank, world_size = rank_and_world_size()
        for i in range(len(self) * world_size):
            yield rng, i % world_size == rank

    def __iter__(self) -> Iterator[tuple[slice, slice]]:
        """Draw the patches of an epoch, the share of this process.

        Yields:
            [xmin:xmax, ymin:ymax] coordinates to index a dataset.
        """
        for rng, mine in self._draws():
            location = self._draw(rng)
            if mine:
                yield location

    def iter_times(self, temporal: TemporalSampler) -> Iterator[GeoSlice]:
        """Draw locations and times at which enough pixels are valid.

        Args:
            temporal: Temporal sampler of the same dataset.

        Yields:
            [xmin:xmax, ymin:ymax, tmin:tmax] coordinates to index a dataset.

        Raises:
            ValueError: If the times of the temporal sampler have no valid patch.
        """
        find_times = times_of(temporal, self.res)
        for rng, mine in self._draws():
            for _ in range(1000):
                times = find_times(self._draw(rng))
                fitting = (index for index in times if self._fits(*index))
                first = next(fitting, None)
                if first is not None:
                    break
            else:
                msg = (
                    f'no patch with {self.min_valid:.0%} valid pixels was found at the '
                )
                msg += 'times of the temporal sampler; use other times, or a lower '
                raise ValueError(msg + 'min_valid')
            if mine:
                yield first
                if temporal.strategy == 'sequential':
                    yield from fitting

    def _fits(self, x: slice, y: slice, t: slice) -> bool:
        """Whether a location has enough valid pixels at a time."""
        if not self.needed:
            return True
        left, bottom, right, top = self.file_bounds.T
        half = self.res[0] / 2, self.res[1] / 2
        inside = (left <= x.start + half[0]) & (x.stop <= right + half[0])
        inside &= (bottom <= y.start + half[1]) & (y.stop <= top + half[1])
        dates = self.imagery.index.index
        for file in np.flatnonzero(inside).tolist():
            interval = dates[file]
            if not (interval.left <= t.stop and t.start < interval.right):
                continue
            if file not in self.places:
                self.places[file] = self._find_places(file)
                self._reweigh(file)
            row = round((top[file] - y.stop) / self.res[1])
            col = round((x.start - left[file]) / self.res[0])
            if self.places[file].fits(row, col):
                return True
        sample: Any = self.imagery[x, y, t]
        return float(sample['mask_valid'].mean()) >= self.min_valid
