# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Where patches fit in one raster."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import shapely

from ..datasets.survey import CELL, Survey


class PatchPlaces:
    """Places of a patch in a raster at which enough pixels are valid.

    The centre of a patch is equally likely to be anywhere in the raster; patches that
    would leave it are moved inside. Places are first ruled out in blocks, by the counts
    of valid pixels in cells, then one by one, by bounds from the same counts and, where
    these do not decide, by the pixels. Nothing is read.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        size: tuple[int, int],
        survey: Survey | None,
        needed: int,
        within: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.bool_]] | None,
    ) -> None:
        """Initialize a new PatchPlaces instance.

        Args:
            shape: Height and width of the raster.
            size: Height and width of the patch, not larger.
            survey: Valid pixels of the raster, or None if all are.
            needed: Number of pixels of a patch that must be valid.
            within: Tells which boxes, rows of first row, first column, last row and
                last column, are in the region of interest, if there is one.
        """
        self.shape = shape
        self.size = size
        self.needed = needed
        self.within = within
        self.failures = 0
        self.exact: tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]] | None = None
        full = survey is None or survey.cells.sum() == shape[0] * shape[1]
        self.survey = None if full else survey
        # Starts in the same block, and the range of centres that leads to them.
        self.starts = [
            np.arange(0, n - s + 1, CELL) for n, s in zip(shape, size, strict=True)
        ]
        self.edges = [
            np.array([0, *(starts[1:] + s // 2), n])
            for starts, n, s in zip(self.starts, shape, size, strict=True)
        ]
        weights = np.outer(*(np.diff(edges) for edges in self.edges)).astype(float)
        self._rule_out(weights)
        self._set_weights(weights.ravel())

    def _rule_out(self, weights: npt.NDArray[np.float64]) -> None:
        first, last = (
            self.starts,
            [
                np.minimum(starts + CELL - 1, n - s)
                for starts, n, s in zip(self.starts, self.shape, self.size, strict=True)
            ],
        )
        if self.survey is not None:
            sums = np.pad(self.survey.cells.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
            low = [starts // CELL for starts in first]
            high = [
                (stops + s - 1) // CELL + 1
                for stops, s in zip(last, self.size, strict=True)
            ]
            most = (
                sums[np.ix_(high[0], high[1])]
                - sums[np.ix_(low[0], high[1])]
                - sums[np.ix_(high[0], low[1])]
                + sums[np.ix_(low[0], low[1])]
            )
            weights[most < self.needed] = 0
        if self.within is not None:
            # What all patches of a block have in common must be inside.
            rows, cols = np.meshgrid(*last, indexing='ij')
            bottom, right = np.meshgrid(
                *(a + s for a, s in zip(first, self.size, strict=True)), indexing='ij'
            )
            common = np.stack([rows, cols, bottom, right], -1).reshape(-1, 4)
            some = (common[:, 2:] > common[:, :2]).all(1)
            inside = np.ones(len(common), bool)
            inside[some] = self.within(common[some])
            weights[~inside.reshape(weights.shape)] = 0

    def _set_weights(self, weights: npt.NDArray[np.float64]) -> None:
        #: Number of centres that may lead to a patch.
        self.weight = float(weights.sum())
        self.cumulative = weights.cumsum()

    def draw(self, rng: np.random.Generator) -> tuple[int, int] | None:
        """Draw a place.

        Args:
            rng: Pseudo-random number generator.

        Returns:
            First row and column of a patch that fits, or None if this try failed.
        """
        pick = int(
            np.searchsorted(self.cumulative, rng.random() * self.weight, side='right')
        )
        if self.exact is not None:
            start = int(self.exact[0][min(pick, len(self.exact[0]) - 1)])
            return divmod(start, self.shape[1] - self.size[1] + 1)
        block = divmod(min(pick, len(self.cumulative) - 1), len(self.starts[1]))
        place = []
        for edges, i, n, s in zip(
            self.edges, block, self.shape, self.size, strict=True
        ):
            centre = rng.integers(edges[i], edges[i + 1])
            place.append(min(max(int(centre) - s // 2, 0), n - s))
        row, col = place
        if self.fits(row, col):
            self.failures = 0
            return row, col
        self.failures += 1
        if self.failures >= 1000:
            self._enumerate()
        return None

    def fits(self, row: int, col: int) -> bool:
        """Whether a patch is in the region and has enough valid pixels.

        Args:
            row: First row of the patch.
            col: First column of the patch.

        Returns:
            True if it does.
        """
        height, width = self.size
        if self.within is not None:
            box = np.array([[row, col, row + height, col + width]])
            if not self.within(box)[0]:
                return False
        if self.survey is None:
            return True
        low, high = self._bounds(row, col)
        if low >= self.needed or high < self.needed:
            return low >= self.needed
        valid = self.survey.valid(row, col, height, width)
        return int(np.count_nonzero(valid)) >= self.needed

    def _bounds(self, row: int, col: int) -> tuple[int, int]:
        """Least and most valid pixels that a patch can have, by the cells."""
        assert self.survey is not None
        shared, full, places = [], [], []
        for start, s, n in zip((row, col), self.size, self.shape, strict=True):
            cells = np.arange(start // CELL, (start + s - 1) // CELL + 1)
            begin = cells * CELL
            end = np.minimum(begin + CELL, n)
            full.append(end - begin)
            shared.append(np.minimum(end, start + s) - np.maximum(begin, start))
            places.append(slice(cells[0], cells[-1] + 1))
        inside, area = np.outer(*shared), np.outer(*full)
        counts = self.survey.cells[places[0], places[1]]
        low = np.maximum(counts - (area - inside), 0).sum()
        return int(low), int(np.minimum(counts, inside).sum())

    def _enumerate(self) -> None:
        """Find all places that fit, when trying did not."""
        height, width = self.size
        valid = np.ones(self.shape, bool)
        if self.survey is not None:
            valid = self.survey.valid(0, 0, *self.shape)
        sums = np.zeros((self.shape[0] + 1, self.shape[1] + 1), np.int32)
        valid.cumsum(0, dtype=np.int32).cumsum(1, out=sums[1:, 1:])
        counts = (
            sums[height:, width:]
            - sums[:-height, width:]
            - sums[height:, :-width]
            + sums[:-height, :-width]
        )
        rows, cols = np.nonzero(counts >= self.needed)
        if self.within is not None:
            boxes = np.stack([rows, cols, rows + height, cols + width], 1)
            keep = self.within(boxes)
            rows, cols = rows[keep], cols[keep]
        weights = np.ones(len(rows))
        for start, s, n in zip((rows, cols), self.size, self.shape, strict=True):
            ends = np.where(start == 0, s // 2, 0) + np.where(
                start == n - s, s - s // 2 - 1, 0
            )
            weights *= 1 + ends
        self.exact = rows * counts.shape[1] + cols, weights
        self._set_weights(weights)


def boxes_within(
    area: shapely.Geometry,
    left: float,
    top: float,
    res: tuple[float, float],
) -> Callable[[npt.NDArray[np.int64]], npt.NDArray[np.bool_]]:
    """Make a test of which boxes of a raster are in an area.

    Args:
        area: Area in the coordinate reference system of the raster.
        left: Left of the raster.
        top: Top of the raster.
        res: Width and height of a pixel.

    Returns:
        Function of boxes of shape ``(N, 4)``, see :class:`PatchPlaces`.
    """
    shapely.prepare(area)
    # A hundredth of a pixel is rounding.
    dx, dy = 0.01 * res[0], 0.01 * res[1]

    def within(boxes: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        row, col, bottom, right = boxes.T
        inside: npt.NDArray[np.bool_] = shapely.covers(
            area,
            shapely.box(
                left + col * res[0] + dx,
                top - bottom * res[1] + dy,
                left + right * res[0] - dx,
                top - row * res[1] - dy,
            ),
        )
        return inside

    return within
