# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Callback that writes predicted labels as GeoTIFF files."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rasterio
import rasterio.shutil
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from ..colors import class_colors
from ..datasets import PixelWindow, RasterWindows, open_raster


class GeoTIFFWriter(BasePredictionWriter):
    """Writes one label map per input raster, on the exact grid of the input.

    Maps are Cloud Optimized GeoTIFFs with a colour table: uint8 with nodata 255, or
    uint16 with nodata 65535 above 255 classes. A map appears under its name when it is
    complete, never before. Predictions are released once they are written, so that
    memory does not grow with the number of tiles.
    """

    def __init__(
        self, output_dir: str = 'output/maps', suffix: str = '_labels'
    ) -> None:
        """Initialize a new GeoTIFFWriter instance.

        Args:
            output_dir: Folder of the maps, made if it does not exist.
            suffix: Added to the name of the input to name its map.
        """
        super().__init__('batch')
        self.output_dir = output_dir
        self.suffix = suffix
        self.maps: dict[int, _LabelMap] = {}
        self.outputs: list[Path] = []

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that maps can be written.

        Args:
            trainer: Trainer.
            pl_module: Task.

        Raises:
            TypeError: If the data are not rasters.
            ValueError: If names clash, or several processes would write one file.
        """
        datamodule = getattr(trainer, 'datamodule', None)
        dataset = getattr(datamodule, 'predict_dataset', None)
        if not isinstance(dataset, RasterWindows):
            msg = 'GeoTIFFWriter needs the rasters of RasterDataModule, but the '
            msg += f'dataset to predict is {type(dataset).__name__}'
            raise TypeError(msg)
        self.dataset = dataset
        if trainer.world_size > 1:
            msg = f'GeoTIFFWriter writes from one process, not {trainer.world_size}; '
            msg += 'set trainer.devices to 1'
            raise ValueError(msg)
        folder = Path(self.output_dir)
        self.outputs = [
            folder / f'{Path(file).stem}{self.suffix}.tif'
            for file in self.dataset.files
        ]
        inputs = {Path(file).resolve() for file in self.dataset.files}
        for i, output in enumerate(self.outputs):
            clash = output.resolve() in inputs or output in self.outputs[:i]
            if clash:
                msg = f'{output} would overwrite an input or the map of another input; '
                msg += 'predict inputs of the same name one by one, each with its own '
                msg += 'output_dir'
                raise ValueError(msg)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = f'output_dir={self.output_dir!r} cannot be made ({error}); '
            msg += 'choose a folder that you can write to'
            raise ValueError(msg) from None

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: Any,
        batch_indices: Sequence[int] | None,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Write the cores of a batch of tiles.

        Args:
            trainer: Trainer.
            pl_module: Task.
            prediction: Dictionary with ``labels`` (B, H, W), -1 where invalid.
            batch_indices: Not used.
            batch: Batch with ``window``.
            batch_idx: Not used.
            dataloader_idx: Not used.
        """
        num_classes = int(pl_module.hparams['num_classes'])
        labels = prediction['labels'].cpu().numpy()
        for values, index in zip(labels, batch['window'].tolist(), strict=True):
            w = PixelWindow(*index)
            if w.file not in self.maps:
                source = self.dataset.files[w.file]
                output = self.outputs[w.file]
                self.maps[w.file] = _LabelMap(source, output, num_classes)
            if self.maps[w.file].write(values, w):
                self.maps.pop(w.file)
        prediction.clear()

    def teardown(
        self, trainer: Trainer, pl_module: LightningModule, stage: str
    ) -> None:
        """Remove maps that were not completed.

        Args:
            trainer: Trainer.
            pl_module: Task.
            stage: Stage that ends.
        """
        while self.maps:
            self.maps.popitem()[1].discard()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Remove maps that were not completed.

        Args:
            trainer: Trainer.
            pl_module: Task.
            exception: Reason of the stop.
        """
        self.teardown(trainer, pl_module, 'predict')


class _LabelMap:
    """Label map in the making, under a temporary name."""

    def __init__(self, source: str, output: Path, num_classes: int) -> None:
        self.output = output
        self.tiled = output.with_name(f'.{output.name}.{os.getpid()}.tiles.tif')
        self.cog = output.with_name(f'.{output.name}.{os.getpid()}.cog.tif')
        dtype, self.nodata = ('uint8', 255) if num_classes <= 255 else ('uint16', 65535)
        with open_raster(source) as src:
            self.missing = src.height * src.width
            gcps, gcps_crs = src.gcps
            profile = {
                'driver': 'GTiff',
                'height': src.height,
                'width': src.width,
                'count': 1,
                'dtype': dtype,
                'nodata': self.nodata,
                'crs': src.crs,
                'tiled': True,
                'blockxsize': 256,
                'blockysize': 256,
                'compress': 'deflate',
                'bigtiff': 'if_safer',
            }
            if not src.transform.is_identity:
                profile['transform'] = src.transform
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', NotGeoreferencedWarning)
            self.dst: DatasetWriter = rasterio.open(self.tiled, 'w', **profile)
        if gcps:
            self.dst.gcps = (gcps, gcps_crs)
        self.dst.write_colormap(1, class_colors(num_classes))
        self.dst.set_band_description(1, 'class')

    def write(self, labels: Any, w: PixelWindow) -> bool:
        """Write the core of a tile; True if the map is now complete."""
        row, col = w.core_row - w.row, w.core_col - w.col
        core = labels[row : row + w.core_height, col : col + w.core_width]
        core = core.copy()
        core[core < 0] = self.nodata
        window = Window(w.core_col, w.core_row, w.core_width, w.core_height)
        self.dst.write(core.astype(self.dst.dtypes[0]), 1, window=window)
        self.missing -= core.size
        if self.missing:
            return False
        self.dst.close()
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', NotGeoreferencedWarning)
            rasterio.shutil.copy(
                self.tiled,
                self.cog,
                driver='COG',
                compress='deflate',
                overview_resampling='mode',
            )
        self.cog.replace(self.output)
        self.tiled.unlink()
        return True

    def discard(self) -> None:
        """Close and remove the temporary files."""
        self.dst.close()
        self.tiled.unlink(missing_ok=True)
        self.cog.unlink(missing_ok=True)
