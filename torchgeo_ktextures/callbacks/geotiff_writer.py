# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Callback that writes predicted labels as GeoTIFF files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from torch import Tensor

from ..datasets import MapSource
from .label_map import LabelMap


class GeoTIFFWriter(BasePredictionWriter):
    """Writes one label map per raster, scene or mosaic, on its exact grid.

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
        self.maps: dict[int, LabelMap] = {}
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
        source = getattr(trainer, 'datamodule', None)
        if not isinstance(source, MapSource):
            msg = 'GeoTIFFWriter needs RasterDataModule or PlanetDataModule, but the '
            msg += f'data module is {type(source).__name__}'
            raise TypeError(msg)
        self.source = source
        if trainer.world_size > 1:
            msg = f'GeoTIFFWriter writes from one process, not {trainer.world_size}; '
            msg += 'set trainer.devices to 1'
            raise ValueError(msg)
        folder = Path(self.output_dir)
        self.grids = source.predict_maps()
        self.outputs = [folder / f'{g.name}{self.suffix}.tif' for g in self.grids]
        inputs = {Path(file).resolve() for g in self.grids for file in g.sources}
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
            prediction: Dictionary with ``labels`` (B, H, W), -1 where invalid, or
                with ``probabilities`` (B, C, H, W), as supervised tasks return them.
            batch_indices: What the sampler yielded for the batch.
            batch: Batch of the prediction.
            batch_idx: Not used.
            dataloader_idx: Not used.
        """
        num_classes = int(pl_module.hparams['num_classes'])
        labels = _labels(prediction, batch).cpu().numpy()
        windows = self.source.predict_windows(batch, batch_indices or ())
        for values, w in zip(labels, windows, strict=True):
            if w.file not in self.maps:
                self.maps[w.file] = LabelMap(
                    self.grids[w.file], self.outputs[w.file], num_classes
                )
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


def _labels(prediction: dict[str, Tensor], batch: dict[str, Tensor]) -> Tensor:
    if 'labels' in prediction:
        return prediction['labels']
    labels = prediction['probabilities'].argmax(1)
    return labels.masked_fill(batch['mask_valid'][:, 0] == 0, -1)
