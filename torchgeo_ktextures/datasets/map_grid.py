# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Where predictions go."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from rasterio.crs import CRS
from rasterio.transform import Affine
from torch import Tensor

from .windows import PixelWindow


class MapGrid(NamedTuple):
    """Name and pixel grid of a map to be written."""

    name: str
    #: Rasters that are predicted.
    sources: Sequence[str]
    height: int
    width: int
    #: Number of pixels that this process will predict.
    pixels: int
    crs: CRS | None
    #: None without georeference.
    transform: Affine | None
    #: Ground control points and their coordinate reference system.
    gcps: tuple[Sequence[Any], CRS | None] = ((), None)
    #: Names of the bands.
    bands: Sequence[str] = ()
    #: What else decides the map: how the rasters are read.
    settings: str = ''
    #: Names of the classes and their colours, red, green, blue and alpha, if known.
    classes: Sequence[str] = ()
    colors: Sequence[tuple[int, int, int, int]] = ()


@runtime_checkable
class MapSource(Protocol):
    """Data module whose predictions can be written as maps."""

    #: Tells which maps need no prediction, by number, when prediction begins.
    finished: Callable[[], Collection[int]]

    def predict_maps(self) -> list[MapGrid]:
        """Maps of the prediction, one per raster, scene or mosaic."""

    def predict_windows(self, batch: Any, indices: Sequence[Any]) -> list[PixelWindow]:
        """Places of a batch.

        Args:
            batch: Batch of the prediction.
            indices: What the sampler yielded for it.

        Returns:
            Windows whose ``file`` is the number of the map, in pixels of the map.
        """

    def restore(self, image: Tensor, windows: Sequence[PixelWindow] = ()) -> Tensor:
        """Undo the normalization of the data module, if any.

        Args:
            image: Bands of shape ``(B, C, H, W)``.
            windows: Places of the images of the batch, if they are known.

        Returns:
            Bands as they were read, of the same shape.
        """
