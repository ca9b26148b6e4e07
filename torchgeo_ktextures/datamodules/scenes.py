# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Any RGB-NIR rasters, for data modules and for prediction without them."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from .. import __version__
from ..datasets import (
    DEFAULT_BANDS,
    MapGrid,
    PixelWindow,
    RasterWindows,
    Windows,
    open_raster,
    raster_name,
)
from ..datasets.sample import Sample
from ..datasets.validity import InvalidIf
from ..maps.area import ground_sample_distance
from ..samplers import GridWindowSampler, RandomWindowSampler
from .order import in_order
from .prefetch import PrefetchLoader
from .radiometry import NORMALIZE, Normalize, Radiometry

#: Which split is covered with tiles in each stage.
TILED_SPLITS = {
    'fit': 'val',
    'validate': 'val',
    'test': 'test',
    'predict': 'predict',
}


class RasterScenes:
    """Any RGB-NIR rasters, each on its own grid.

    Training draws random patches; validation, testing and prediction cover each raster
    with tiles. Bands are only divided by *scale*: normalization is part of the model,
    so that a checkpoint treats other scenes as it treated those it was trained on.
    """

    #: Tells which maps need no prediction, by number.
    finished: Callable[[], Collection[int]] = tuple

    #: Tells whether a map was finished meanwhile, as by another process.
    completed: Callable[[int], bool] | None = None

    #: What the training rasters were like: ground sample distance, data type, scale and
    #: shares of the classes, as far as they are known.
    trained_on: dict[str, Any] | None = None

    #: Images by what they are for, after :meth:`setup`.
    train_dataset: Any
    val_dataset: Any
    test_dataset: Any
    predict_dataset: Any

    #: Names of the classes of maps, if they have any.
    classes: Sequence[str] = ()

    def __init__(
        self,
        paths: str | Sequence[str] = 'olinda',
        bands: Sequence[str | int] = DEFAULT_BANDS,
        all_bands: Sequence[str] | None = None,
        scale: float = 1,
        nodata: float | Sequence[float] | None = None,
        invalid_if: InvalidIf = 'any',
        normalize: Literal['none', 'scene', 'relative'] = 'none',
        mask_paths: str | Sequence[str] | None = None,
        predict_paths: str | Sequence[str] | None = None,
        batch_size: int = 8,
        patch_size: int | tuple[int, int] = 96,
        length: int = 1920,
        balance: Literal['area', 'paths'] = 'area',
        tile_size: int = 512,
        predict_tile_size: int = 768,
        margin: int = 96,
        num_workers: int = 0,
        seed: int = 0,
        ignore_scale: bool = False,
    ) -> None:
        """Initialize a new RasterScenes instance.

        Args:
            paths: Rasters, or folders of GeoTIFF files, or ``olinda`` for the shipped
                scene.
            bands: Names or 1-based indexes of the bands, in the order of the model:
                red, green, blue, near infrared.
            all_bands: Names of the bands of the files in file order (defaults to what
                the files tell).
            scale: Digital numbers are divided by this; with 1, the scale and offset
                tags of a file are applied, if there are any.
            nodata: Values that mean no data, besides what GDAL takes as such.
            invalid_if: Whether a pixel is left out where 'any' of its bands is invalid,
                or only where 'all' are; then single missing bands are filled with the
                nearest value.
            normalize: Whether each 'scene' is brought to a common mean and standard
                deviation of each band, or dates of one place to the radiometry of one
                of them by what has not changed ('relative'), or 'none' is.
            mask_paths: Label rasters of the same sizes, or folders of them, with the
                file names of the rasters up to the extension. Only used to validate
                and test.
            predict_paths: Rasters to predict (defaults to *paths*).
            batch_size: Number of patches per training batch.
            patch_size: Height and width of training patches in pixels, one number if
                they are the same. Smaller rasters are predicted but not trained on.
            length: Number of training patches per epoch.
            balance: Whether all valid 'area' is equally likely to be trained on, or
                all entries of 'paths', such as folders of different sensors.
            tile_size: Height and width of the tiles of validation and testing in
                pixels.
            predict_tile_size: Height and width of the tiles of prediction in pixels;
                memory grows with it, and the work for margins falls.
            margin: Context around each tile in pixels, so that tiles meet without
                seams.
            num_workers: Number of workers for parallel data loading.
            seed: Seed of the training patches.
            ignore_scale: Whether the scale and offset tags of files are ignored.

        Raises:
            ValueError: If *batch_size* exceeds *length*, or one is not positive.
        """
        super().__init__()  # of data modules
        if not 1 <= batch_size <= length:
            msg = f'batch_size={batch_size} must be between 1 and length={length}, '
            msg += 'the number of training patches per epoch'
            raise ValueError(msg)
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.paths = paths
        self.bands = bands
        self.all_bands = all_bands
        self.scale = scale
        self.ignore_scale = ignore_scale
        self.nodata = nodata
        self.invalid_if: InvalidIf = invalid_if
        if normalize not in NORMALIZE:
            msg = f'normalize={normalize!r} must be one of {", ".join(NORMALIZE)}'
            raise ValueError(msg)
        self.normalize: Normalize = normalize
        #: What brings rasters to the radiometry of those that a model was fitted to.
        self.radiometry = Radiometry()
        self.mask_paths = mask_paths
        self.predict_paths = predict_paths
        self.patch_size: Any = (
            patch_size if isinstance(patch_size, int) else tuple(patch_size)
        )
        self.length = length
        self.balance: Literal['area', 'paths'] = balance
        self.tile_size = tile_size
        self.predict_tile_size = predict_tile_size
        self.margin = margin
        self.seed = seed
        self.samplers: dict[str, Sampler[PixelWindow]] = {}

    def make_dataset(
        self, paths: str | Sequence[str], mask_paths: str | Sequence[str] | None = None
    ) -> Windows:
        """Make a dataset of rasters, read as the arguments say.

        Args:
            paths: Rasters, or folders of GeoTIFF files, or ``olinda``.
            mask_paths: Label rasters, or folders of them.

        Returns:
            The dataset.
        """
        dataset = self._windows(paths, mask_paths)
        self.radiometry = self.radiometry.completed(dataset, self.normalize)
        self.radiometry.bring(dataset, self.normalize)
        return dataset

    def sort(self) -> None:
        """Put the rasters in an order that does not depend on how they were listed."""
        if not isinstance(self.paths, str):
            self.paths = in_order(self.paths)

    def _windows(
        self, paths: str | Sequence[str], mask_paths: str | Sequence[str] | None
    ) -> Windows:
        if paths == 'olinda':
            from ..datasets import Olinda  # which is of TorchGeo

            paths = str(Olinda.path)
        return RasterWindows(
            paths,
            bands=self.bands,
            all_bands=self.all_bands,
            scale=self.scale,
            nodata=self.nodata,
            mask_paths=mask_paths,
            invalid_if=self.invalid_if,
            ignore_scale=self.ignore_scale,
        )

    def setup(self, stage: str) -> None:
        """Set up datasets and samplers.

        Args:
            stage: Either 'fit', 'validate', 'test', or 'predict'.

        Raises:
            FileNotFoundError: If a path does not exist or holds no raster.
            ValueError: If a raster does not fit the arguments.
        """
        if stage == 'predict':
            dataset = self.make_dataset(self.predict_paths or self.paths)
        else:
            dataset = self.make_dataset(self.paths, self.mask_paths)
        size = self.predict_tile_size if stage == 'predict' else self.tile_size
        grid = GridWindowSampler(dataset, size, self.margin)
        if stage == 'fit':
            self.train_dataset = dataset
            self.trained_on = self._describe(dataset)
            self.samplers['train'] = RandomWindowSampler(
                dataset, self.patch_size, self.length, self.seed, self.balance
            )
        split = TILED_SPLITS[stage]
        setattr(self, f'{split}_dataset', dataset)
        self.samplers[split] = grid

    def _describe(self, dataset: Windows) -> dict[str, Any]:
        """What the first raster is like."""
        if not isinstance(dataset, RasterWindows):
            return {'gsd': None, 'dtype': None, 'scale': 1}
        with open_raster(dataset.files[0]) as src:
            gsd = ground_sample_distance(src.crs, src.transform, *src.shape)
            dtype = src.dtypes[dataset.indexes[0][0] - 1]
        return {'gsd': gsd, 'dtype': dtype, 'scale': self.scale}

    def _dataset(self, split: str) -> Windows:
        found: Windows = getattr(self, f'{split}_dataset')
        return found

    def _dataloader(self, split: str) -> DataLoader[Sample]:
        train = split == 'train'
        loader = DataLoader if train else PrefetchLoader
        return loader(
            self._dataset(split),
            # Tiles at the edges are smaller, so they cannot be stacked.
            batch_size=self.batch_size if train else 1,
            sampler=self.samplers[split],
            num_workers=self.num_workers,
            drop_last=train,
            persistent_workers=self.num_workers > 0,
        )

    def train_dataloader(self) -> DataLoader[Sample]:
        """Random patches for training."""
        return self._dataloader('train')

    def sample_dataloader(self, count: int) -> DataLoader[Sample]:
        """Patches that stand for all training data, whatever the seed.

        Args:
            count: Number of patches at most.

        Returns:
            Loader of patches of a grid over all rasters.
        """
        sampler = self.samplers['train']
        assert isinstance(sampler, RandomWindowSampler)
        return DataLoader(
            sampler.dataset,
            batch_size=self.batch_size,
            sampler=sampler.spread(count),
        )

    def val_dataloader(self) -> DataLoader[Sample]:
        """Tiles of all rasters for validation."""
        return self._dataloader('val')

    def test_dataloader(self) -> DataLoader[Sample]:
        """Tiles of all rasters for testing."""
        return self._dataloader('test')

    def predict_dataloader(self) -> DataLoader[Sample]:
        """Tiles of all rasters for prediction."""
        grid = self.samplers['predict']
        assert isinstance(grid, GridWindowSampler)
        grid.skip(self.finished())
        if self.completed is not None:
            grid.is_finished = self.completed
        return self._dataloader('predict')

    def predict_maps(self) -> list[MapGrid]:
        """Maps of the prediction, one per raster, on its own grid.

        Returns:
            Grids of the maps.
        """
        share: Counter[int] = Counter()
        for w in self.samplers['predict']:
            share[w.file] += w.core_height * w.core_width
        maps = []
        for i, file in enumerate(self._dataset('predict').files):
            with open_raster(file) as src:
                grid = MapGrid(
                    raster_name(file),
                    [file],
                    src.height,
                    src.width,
                    pixels=share[i],
                    crs=src.crs,
                    transform=None if src.transform.is_identity else src.transform,
                    gcps=src.gcps,
                    bands=list(map(str, self.bands)),
                    settings=f'{__version__} {self.bands} {self.all_bands} '
                    f'{self.scale} {self.nodata} {self.invalid_if} {self.normalize} '
                    f'{self.margin}{self.radiometry.digest()}'
                    + ' ignore_scale' * self.ignore_scale
                    + ''.join(f' {name!r}' for name in self.classes),
                    classes=self.classes,
                )
                maps.append(grid)
        return maps

    def predict_windows(
        self, batch: Sample, indices: Sequence[PixelWindow]
    ) -> list[PixelWindow]:
        """Places of a batch.

        Args:
            batch: Batch of the prediction.
            indices: Not used.

        Returns:
            Windows in pixels of the maps.
        """
        return [PixelWindow(*window) for window in batch['window'].tolist()]

    def restore(self, image: Tensor, windows: Sequence[PixelWindow] = ()) -> Tensor:
        """Undo what *normalize* does to the bands.

        Args:
            image: Bands of shape ``(B, C, H, W)``.
            windows: Places of the images of the batch, from :meth:`predict_windows`.

        Returns:
            Bands as they were read, of the same shape.
        """
        dataset = self._dataset('predict')
        gains = [dataset.gains_of(w.file) for w in windows]
        if not gains or None in gains:
            return image
        back = np.array([line.inverse for line in gains if line is not None])
        gain, offset = torch.from_numpy(back).to(image)[..., None, None].unbind(1)
        return image * gain + offset

    def map_tags(self, number: int) -> dict[str, str]:
        """What a map is to tell of how its raster was read.

        Args:
            number: Number of the map.

        Returns:
            Tags.
        """
        dataset = self._dataset('predict')
        found = self.radiometry.of_map(dataset, number)
        return {} if found is None else found.tag

    def state_dict(self) -> dict[str, Any]:
        """State that goes into checkpoints: what the training rasters were like."""
        return {'trained_on': self.trained_on, **self.radiometry.state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remember what the training rasters were like.

        Args:
            state_dict: State of a checkpoint.
        """
        self.trained_on = state_dict.get('trained_on')
        self.radiometry = Radiometry.of_state(state_dict)
        # They are set up before.
        for split in ('train', 'val', 'test', 'predict'):
            dataset = getattr(self, f'{split}_dataset', None)
            if isinstance(dataset, Windows):
                self.radiometry.bring(dataset, self.normalize)
