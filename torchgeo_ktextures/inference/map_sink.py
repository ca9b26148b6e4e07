# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Sink of tiles that writes maps as GeoTIFF files, in this process or several."""

import sys
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy.typing as npt
from torch import nn

from ..datasets import MapGrid, MapSource, PixelWindow
from ..maps.crs import check_crs
from ..maps.merging import tree_tag
from ..maps.output import remove_leftovers, this_process
from ..maps.reading import MODEL_TAG
from ..maps.sidecars import write_sidecars
from .label_map import ConfidenceMap, LabelMap, part_path
from .origin import ORIGIN_TAG, model_id, origin_of, tags_if_whole
from .outputs import check_outputs
from .tiles import TileSink
from .training_range import check_range

#: Number of tiles that may wait to be written.
_WAITING = 2


class MapSink(TileSink):
    """Writes one label map per raster on its exact grid, without Lightning.

    :class:`.GeoTIFFWriter`, which documents the maps, is one that is a callback.
    """

    #: Further tags of the maps.
    tags: Mapping[str, str] = {}

    restores = True

    def __init__(
        self,
        output_dir: str = 'output/maps',
        suffix: str = '_labels',
        confidence_suffix: str | None = None,
    ) -> None:
        """Initialize a new MapSink instance.

        Args:
            output_dir: Folder of the maps, made if it does not exist.
            suffix: Added to the name of the input to name its map.
            confidence_suffix: Likewise for a second map of how far ahead the class of
                each pixel is, in percent: the difference of the two highest
                probabilities (defaults to none).
        """
        self.output_dir = output_dir
        self.suffix = suffix
        self.confidence_suffix = confidence_suffix
        self.maps: dict[tuple[int, str], LabelMap] = {}
        self.writer: ThreadPoolExecutor | None = None
        self.waiting: deque[Future[None]] = deque()
        self.outputs: list[Path] = []
        self.owner = this_process()

    def _path(self, name: str, suffix: str) -> Path:
        return Path(self.output_dir) / f'{name}{suffix}.tif'

    @property
    def _kinds(self) -> dict[str, tuple[str, type[LabelMap]]]:
        kinds = {'labels': (self.suffix, LabelMap)}
        if self.confidence_suffix is not None:
            kinds['confidence'] = (self.confidence_suffix, ConfidenceMap)
        return kinds

    def _paths(self, grids: Sequence[MapGrid]) -> list[Path]:
        """Maps of all kinds."""
        suffixes = [suffix for suffix, _ in self._kinds.values()]
        return [self._path(grid.name, suffix) for grid in grids for suffix in suffixes]

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Check that maps can be written.

        Args:
            trainer: Trainer, or what stands for it, whose data module knows its maps.
            pl_module: What predicts.
            stage: Stage that begins.

        Raises:
            ValueError: If names clash, or the folder cannot be made.
        """
        source = trainer.datamodule
        self._take_source(source)
        # The model is loaded after this and before the loader is asked for.
        source.finished = lambda: self._finished(pl_module)
        if trainer.world_size == 1 and hasattr(source, 'completed'):
            source.completed = self._is_there

    def _take_source(self, source: MapSource) -> None:
        """Check that the maps of a source can be written."""
        self.source = source
        grids = source.predict_maps()
        self.outputs = [self._path(grid.name, self.suffix) for grid in grids]
        check_outputs(self._paths(grids), grids, self.output_dir)

    def _finished(self, pl_module: nn.Module) -> set[int]:
        """Find the maps that are there already."""
        grids = self.source.predict_maps()
        self.grids = grids
        self.model_id = model_id(pl_module)
        self.origins = [origin_of(self.model_id, grid) for grid in grids]
        finished = {i for i in range(len(grids)) if self._is_there(i)}
        for i in finished:
            for output in self._paths([grids[i]]):
                remove_leftovers(output)
                write_sidecars(output)
        if finished:
            self._tell(
                f'{len(finished)} of {len(grids)} maps in {self.output_dir} are '
                'complete; remove them to make them again.'
            )
        return finished

    def _tell(self, text: str) -> None:
        print(text, file=sys.stderr)

    def _is_there(self, file: int) -> bool:
        """Whether all maps of a raster are there, made by this model of this raster."""
        origin, grid = self.origins[file], self.grids[file]
        return origin is not None and all(
            tags_if_whole(path, grid).get(ORIGIN_TAG) == origin
            for path in self._paths([grid])
        )

    def on_predict_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin to write.

        Args:
            trainer: Trainer, or what stands for it.
            pl_module: What predicts.
        """
        self.trainer = trainer
        self.grids = self.source.predict_maps()
        self.owner = trainer.strategy.broadcast(this_process())
        if trainer.is_global_zero:
            for output in self._paths(self.grids):
                remove_leftovers(output, self.owner)
        trainer.strategy.barrier()
        self.pl_module = pl_module
        find = getattr(pl_module, 'map_colors', None)
        if callable(find):
            colors = tuple(find().values())
            self.grids = [
                g if g.colors else g._replace(colors=colors) for g in self.grids
            ]
        self.num_classes = int(pl_module.hparams['num_classes'] or 2)
        self.writer = ThreadPoolExecutor(1, 'writer')
        self.waiting.clear()
        if trainer.world_size > 1:
            for path in self._paths([grid for grid in self.grids if not grid.pixels]):
                part_path(path, trainer.global_rank, self.owner).touch()
        self.kinds = tuple(self._kinds)
        if hasattr(pl_module, 'predict_keys'):
            pl_module.predict_keys = self.kinds

    def _open(self, file: int, kind: str) -> LabelMap:
        suffix, make = self._kinds[kind]
        grid = self.grids[file]
        output, rank = self._path(grid.name, suffix), self.trainer.global_rank
        tags = {MODEL_TAG: self.model_id[:16], **self.tags}
        find = getattr(self.source, 'map_tags', None)
        tags |= {} if find is None else find(file)
        linkage = getattr(self.pl_module, 'linkage', None)
        if linkage is not None and kind == 'labels':
            tags |= tree_tag(linkage.cpu().numpy())
        origin = self.origins[file]
        if origin is not None:
            tags[ORIGIN_TAG] = origin
        return make(grid, output, self.num_classes, tags, rank, self.owner)

    def _take(
        self, w: PixelWindow, image: npt.NDArray[Any], cores: dict[str, Any]
    ) -> None:
        """Hand the core of a tile, or what each of several maps has of it, to be written."""
        divide = getattr(self.source, 'divide', None)
        pieces = [(w, image, cores)] if divide is None else divide(w, image, cores)
        for piece in pieces:
            self._submit(*piece)

    def _submit(
        self, w: PixelWindow, image: npt.NDArray[Any], cores: dict[str, Any]
    ) -> None:
        """Hand a part of a map to the writing thread."""
        assert self.writer is not None

        def write() -> None:
            for kind, core in cores.items():
                key = w.file, kind
                if key not in self.maps:
                    self.maps[key] = self._open(*key)
                if self.maps[key].write(core, image, w):
                    self._complete(key)

        self.waiting.append(self.writer.submit(write))
        while len(self.waiting) > _WAITING or (self.waiting and self.waiting[0].done()):
            self.waiting.popleft().result()

    def _complete(self, key: tuple[int, str]) -> None:
        """Go on with a part of a map that is complete."""
        done = self.maps[key]
        if self.trainer.world_size == 1:
            done.finish()
            self._check(key, done)
        else:
            done.leave()
        del self.maps[key]
        self._combine()

    def _combine(self) -> None:
        """Put the maps together of which all parts are there, if that is for us."""
        size = self.trainer.world_size
        for i, grid in enumerate(self.grids):
            if size == 1 or i % size != self.trainer.global_rank:
                continue
            for kind, (suffix, _) in self._kinds.items():
                output = self._path(grid.name, suffix)
                parts = [part_path(output, rank, self.owner) for rank in range(size)]
                some = all(part.exists() for part in parts)
                if some and any(part.stat().st_size for part in parts):
                    whole = self._open(i, kind)
                    whole.combine(size)
                    self._check((i, kind), whole)

    def _check(self, key: tuple[int, str], done: LabelMap) -> None:
        """Warn of a scene unlike those of the fit, or with a CRS that maps lose."""
        if key[1] == 'labels':
            check_crs(done.grid.crs, done.grid.name)
            check_range(self.pl_module, self.source, done.grid, done.statistics)

    def on_predict_end(self, trainer: Any, pl_module: Any) -> None:
        """Wait until everything is written.

        Args:
            trainer: Trainer, or what stands for it.
            pl_module: What predicts.
        """
        while self.waiting:
            self.waiting.popleft().result()
        trainer.strategy.barrier()
        self._combine()
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            for output in self._paths(self.grids):
                remove_leftovers(output, self.owner)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Remove maps that were not completed.

        Args:
            trainer: Trainer, or what stands for it.
            pl_module: What predicts.
            stage: Stage that ends.
        """
        self._discard()

    def _discard(self) -> None:
        if self.writer is not None:
            self.writer.shutdown(cancel_futures=True)
        while self.maps:
            self.maps.popitem()[1].discard()
