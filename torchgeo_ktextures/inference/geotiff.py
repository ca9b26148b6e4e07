# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Callback that writes maps as GeoTIFF files."""

import warnings
from typing import Any

from lightning.pytorch.callbacks import BasePredictionWriter
from lightning.pytorch.utilities import rank_zero_info

from ..datasets import MapSource
from ..errors import DataWarning
from .geo_areas import Layout
from .geo_maps import NO_TILE
from .geo_source import GeoSource
from .map_sink import MapSink


class GeoTIFFWriter(MapSink, BasePredictionWriter):
    """Writes one label map per raster, scene or mosaic, on its exact grid.

    It works with the data modules of this package, and with data modules and loaders of
    any ``GeoDataset`` of TorchGeo. Tiles may overlap: their borders are cropped where
    they meet.

    Maps are Cloud Optimized GeoTIFFs with a colour table: uint8 with nodata 255, or
    uint16 with nodata 65535 above 255 classes. A map appears under its name when it is
    complete, never before. Maps that are there already, made by the same model of the
    same rasters, are left as they are, so that a prediction that was stopped goes on.

    Tiles are written while the next ones are computed. Several processes each write
    their part; the map does not depend on their number.
    """

    def __init__(
        self,
        output_dir: str = 'output/maps',
        suffix: str = '_labels',
        confidence_suffix: str | None = None,
        layout: Layout | None = None,
    ) -> None:
        """Initialize a new GeoTIFFWriter instance.

        Args:
            output_dir: Folder of the maps, made if it does not exist.
            suffix: Added to the name of the input to name its map.
            confidence_suffix: Likewise for a second map of how far ahead the class of
                each pixel is, in percent: the difference of the two highest
                probabilities (defaults to none).
            layout: Of datasets of TorchGeo, whether there is one map per 'file', per
                'time' that the sampler yields, or one 'mosaic' of everything (defaults
                to 'file').
        """
        BasePredictionWriter.__init__(self, 'batch')
        MapSink.__init__(self, output_dir, suffix, confidence_suffix)
        self.layout = layout
        self.geo: GeoSource | None = None

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Check that maps can be written.

        Args:
            trainer: Trainer.
            pl_module: Task.
            stage: Stage that begins.

        Raises:
            ValueError: If names clash, the folder cannot be made, there is another
                writer, or the layout does not fit the data.
        """
        if stage != 'predict':
            return
        if sum(isinstance(c, GeoTIFFWriter) for c in trainer.callbacks) > 1:
            msg = 'there are two GeoTIFFWriters, and maps are predicted once; keep one'
            raise ValueError(msg)
        source = getattr(trainer, 'datamodule', None)
        self.geo = None
        if not isinstance(source, MapSource):

            def check(maps: MapSource) -> set[int]:
                self._take_source(maps)
                return self._finished(pl_module)

            layout: Layout = self.layout or 'file'
            self.geo = GeoSource(trainer, pl_module, layout, check)
            return
        if self.layout is not None:
            msg = f'layout={self.layout!r} is for datasets of TorchGeo, but '
            msg += f'{type(source).__name__} knows its maps; leave layout out'
            raise ValueError(msg)
        super().setup(trainer, pl_module, stage)

    def _tell(self, text: str) -> None:
        rank_zero_info(text)

    def on_predict_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin to write.

        Args:
            trainer: Trainer.
            pl_module: Task.
        """
        if self.geo is not None:
            self.geo.begin()
        super().on_predict_start(trainer, pl_module)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Remove maps that were not completed.

        Args:
            trainer: Trainer.
            pl_module: Task.
            stage: Stage that ends.
        """
        if self.geo is not None and self.geo.maps is None and stage == 'predict':
            warnings.warn(NO_TILE, DataWarning, stacklevel=2)
        super().teardown(trainer, pl_module, stage)

    def on_exception(
        self, trainer: Any, pl_module: Any, exception: BaseException
    ) -> None:
        """Remove maps that were not completed.

        Args:
            trainer: Trainer.
            pl_module: Task.
            exception: Reason of the stop.
        """
        self._discard()
