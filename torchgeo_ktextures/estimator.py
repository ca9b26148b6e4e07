# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""k-textures as a scikit-learn estimator."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch.utilities.seed import isolate_rng
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from .callbacks import FewerSteps, History
from .checkpoints import load_checkpoint, save_checkpoint
from .datamodules import RasterDataModule
from .datamodules.inputs import Inputs
from .datasets.bands import LEAST_BANDS
from .datasets.validity import InvalidIf
from .errors import DataWarning
from .inference import label_images, label_patches, margin_of
from .inference.statistics import ClassSummary, total_classes
from .inference.training_range import compare_bands
from .tasks import KTextures
from .trainer import interruptible, make_trainer, quiet

_Labels = npt.NDArray[np.int64]


class KTexturesSegmenter(ClusterMixin, BaseEstimator):
    """Splits images into k classes, each of which is a texture in context.

    Where k-means takes a table of pixels, this takes images, one or many: arrays of
    shape (C, H, W) in which NaN is invalid (NumPy, PyTorch, dask), arrays of xarray
    with any order of dimensions, datasets of bands, or paths of rasters. Bands come in
    the order red, green, blue, near infrared; others may follow. Bands with names are
    brought to this order. For an array of xarray, labels are one as well.

    If you use this estimator in your research, please cite the following paper:

    * https://arxiv.org/abs/2205.08671

    Attributes:
        labels_: Class of each pixel of the training images, -1 where invalid, int of
            shape (H, W), or a list of such.
        n_iter_: Number of steps.
        loss_: Share of the variance of the features that the simulation does not
            explain, over the last steps.
        textures_: One texture per class in the units of the input, of shape
            (k, C, 64, 64).
        cluster_centers_: Mean of the training pixels of each class, of shape (k, C).
        n_features_in_: Number of bands, C.
        feature_names_in_: Names of the bands of arrays of xarray in their order here, or
            None.
        bands_: Names or numbers of the bands of rasters.
        history_: Losses of each step.
        task_: The fitted task.

    Example:
        >>> import numpy as np
        >>> image = np.random.default_rng(0).normal(size=(4, 64, 64))
        >>> image[:, 32:] *= 3
        >>> labels = KTexturesSegmenter(2, max_steps=10).fit_predict(image)
        >>> labels.shape
        (64, 64)
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        mask_stride: int = 4,
        max_steps: int = 100,
        n_init: int = 1,
        random_state: int | np.random.RandomState | None = None,
        device: str = 'auto',
        features: Sequence[str] = ('color', 'planet_stride4', 'planet_stride8'),
        weights: str | bool | None = None,
        init: Literal['mixture', 'kmeans', 'random'] = 'mixture',
        warm_start: bool | None = None,
        assignment_weight: float = 3.0,
        patch_size: int = 96,
        batch_size: int = 4,
        bands: Sequence[str | int] | None = None,
        scale: float = 1,
        nodata: float | Sequence[float] | None = None,
        invalid_if: InvalidIf = 'any',
        normalize: Literal['none', 'scene'] = 'none',
        verbose: bool = False,
    ) -> None:
        """Initialize a new KTexturesSegmenter instance.

        Args:
            n_clusters: Number of classes, k.
            mask_stride: Scale in pixels at which classes may change (1, 2, 4, 8 or 16):
                the smallest region worth a class.
            max_steps: Number of training steps of a fit, at most: where colour tells
                the classes apart, half as many, but not less than 50.
            n_init: Number of whole fits from different starts; the one with the lowest
                loss on a fixed sample is kept.
            random_state: Seed of everything that is random; an int gives the same
                result each time.
            device: 'auto', 'cpu', 'cuda', 'mps' or another accelerator of Lightning.
            features: Groups of features to compare, see
                :class:`~torchgeo_ktextures.tasks.KTextures`.
            weights: Weights of the feature extractor, see there.
            init: What classes begin with: a 'mixture' of local moments and features,
                'kmeans' on features, or 'random' masks and textures.
            warm_start: Deprecated; False is ``init='random'``.
            assignment_weight: Weight of the cross-entropy towards the class that fits
                each cell best, beside the similarity of features.
            patch_size: Height and width of training patches in pixels, at most. Smaller
                images are not trained on, unless most of the area is in such.
            batch_size: Number of patches per step.
            bands: Names or 1-based numbers of the bands of rasters (defaults to red,
                green, blue and, if there is one, nir).
            scale: Digital numbers of rasters are divided by this; with 1, the scale and
                offset tags of a file are applied, if there are any.
            nodata: Values that mean no data, besides what GDAL or xarray take as such.
            invalid_if: Whether a pixel is left out where 'any' of its bands is invalid,
                or only where 'all' are; then single missing bands are filled with the
                nearest value.
            normalize: Whether each 'scene' is brought to a common mean and standard
                deviation of each band, so that scenes in other light get the same
                classes, or 'none' is.
            verbose: Whether to show progress.
        """
        self.n_clusters = n_clusters
        self.mask_stride = mask_stride
        self.max_steps = max_steps
        self.n_init = n_init
        self.random_state = random_state
        self.device = device
        self.features = features
        self.weights = weights
        self.init = init
        self.warm_start = warm_start
        self.assignment_weight = assignment_weight
        self.patch_size = patch_size
        self.batch_size = batch_size
        self.bands = bands
        self.scale = scale
        self.nodata = nodata
        self.invalid_if = invalid_if
        self.normalize = normalize
        self.verbose = verbose

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn what images are."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, images: Any, y: None = None) -> Self:
        """Find classes and textures.

        Args:
            images: One image, several, or paths of rasters, see the class.
            y: Not used, there by convention of scikit-learn.

        Returns:
            The fitted estimator.

        Raises:
            FileNotFoundError: If a path does not exist.
            ValueError: If the images or an argument do not fit.
        """
        self._train(images)
        inputs = self.inputs_of(images)
        found = label_images(self.task_.model, inputs.data, self.device)
        self.labels_ = inputs.give_back(found.labels)
        self._describe(total_classes([s.classes() for s in found.statistics]))
        return self

    def fit_model(self, images: Any) -> Self:
        """Find classes and textures, without the labels of the training images.

        Args:
            images: One image, several, or paths of rasters, see the class.

        Returns:
            The fitted estimator, without ``labels_``.

        Raises:
            FileNotFoundError: If a path does not exist.
            ValueError: If the images or an argument do not fit.
        """
        sample = self._train(images)
        self._describe(label_patches(self.task_.model, *sample).classes())
        return self

    def _train(self, images: Any) -> tuple[list[Tensor], list[Tensor]]:
        """Find classes and textures; returns the sample of the training data."""
        data = self._data(images)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        data.seed = seed
        with isolate_rng(), quiet(self.verbose), interruptible():
            torch.manual_seed(seed)
            self._fit(data)
        sample = self.task_.sample
        del self.task_.sample
        self.reference_ = data.reference
        self.trained_on_ = data.trained_on or {}
        return sample

    def _data(self, images: Any) -> RasterDataModule:
        """Data module to fit to images."""
        for name in ('n_clusters', 'max_steps', 'n_init', 'patch_size', 'batch_size'):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < 1:
                raise ValueError(f'{name}={value!r} must be a whole number, at least 1')
        if self.bands is not None and len(self.bands) < LEAST_BANDS:
            msg = f'bands={list(self.bands)} are too few, at least {LEAST_BANDS} are '
            msg += 'needed; repeat one, as in bands=[1, 1, 1]'
            raise ValueError(msg)
        inputs = self._inputs(
            images,
            bands=self.bands,
            batch_size=self.batch_size,
            length=self.max_steps * self.n_init * self.batch_size,
        )
        inputs.prepare_fit(self.patch_size)
        names = inputs.names
        self.feature_names_in_ = None if names is None else np.array(names, object)
        self.n_features_in_ = inputs.num_bands
        return inputs.data

    def _inputs(self, images: Any, **kwargs: Any) -> Inputs:
        for name in ('scale', 'nodata', 'invalid_if', 'normalize'):
            kwargs[name] = getattr(self, name)
        inputs = Inputs(images, **kwargs)
        if inputs.bands is not None:
            self.bands_ = inputs.bands
        return inputs

    def _fit(self, data: RasterDataModule) -> None:
        self.task_ = KTextures(
            num_classes=self.n_clusters,
            in_channels=self.n_features_in_,
            mask_stride=self.mask_stride,
            features=list(self.features),
            weights=self.weights,
            init=self.init,
            warm_start=self.warm_start,
            assignment_weight=self.assignment_weight,
            n_init=self.n_init,
        )
        self.task_.draws = False
        self.history_ = History()
        callbacks = [FewerSteps(), self.history_]
        steps = self.max_steps * self.n_init
        trainer = make_trainer(self.device, self.verbose, callbacks, steps)
        trainer.fit(self.task_, datamodule=data)
        self.n_iter_ = int(trainer.global_step)
        self.loss_ = self.history_.latest('loss')
        self.task_.cpu()
        self.find_textures()

    @torch.inference_mode()
    def find_textures(self) -> None:
        """Draw the textures of the fitted task."""
        model = self.task_.eval().model
        noise = torch.Generator().manual_seed(0)
        textures = model.generators(1, (64, 64), noise)[0]
        self.textures_ = model.normalizer.inverse(textures).cpu().numpy()

    def common_moments(self) -> npt.NDArray[np.float64] | None:
        """Mean and standard deviation that each scene is brought to.

        Returns:
            Both for each band, of shape ``(2, C)``, or None with ``normalize='none'``.
        """
        if self.normalize == 'none':
            return None
        known: npt.NDArray[np.float64] | None = getattr(self, 'reference_', None)
        if known is not None:
            return known
        normalizer = self.task_.model.normalizer
        return np.stack([normalizer.mean.cpu().numpy(), normalizer.std.cpu().numpy()])

    def _describe(self, classes: Sequence[ClassSummary]) -> None:
        """Keep what the classes of the training pixels are like."""
        total = max(sum(c.pixels for c in classes), 1)
        self.trained_on_['shares'] = [c.pixels / total for c in classes]
        # A class that no pixel has keeps the colour of its texture.
        colors = self.textures_.mean((2, 3))
        means = [c.mean or color for c, color in zip(classes, colors, strict=True)]
        self.cluster_centers_ = np.array(means, np.float64)

    def inputs_of(self, images: Any, **kwargs: Any) -> Inputs:
        """Take images as the fitted model is to see them.

        Args:
            images: One image, several, or paths of rasters, see the class.
            **kwargs: Passed on to the data module.

        Returns:
            The images, to be predicted.

        Raises:
            FileNotFoundError: If a path does not exist.
            ValueError: If the images do not have the bands of the training images.
        """
        names, bands = (
            getattr(self, name, None) for name in ('feature_names_in_', 'bands_')
        )
        kwargs.setdefault('margin', margin_of(self.mask_stride))
        inputs = self._inputs(images, names=names, bands=bands or self.bands, **kwargs)
        if inputs.num_bands != self.n_features_in_:
            msg = f'X has {inputs.num_bands} features, but {type(self).__name__} is '
            msg += f'expecting {self.n_features_in_} features as input: give images of '
            raise ValueError(msg + 'the bands it was fitted with')
        inputs.data.reference = self.common_moments()
        return inputs

    def predict(self, images: Any) -> _Labels | list[_Labels]:
        """Find the class of each pixel.

        Args:
            images: One image, several, or paths of rasters, see the class.

        Returns:
            Classes, -1 where invalid, of shape (H, W), or a list of such.

        Raises:
            ValueError: If the images do not have the bands of the training images.
        """
        check_is_fitted(self)
        inputs = self.inputs_of(images)
        found = label_images(self.task_.model, inputs.data, self.device)
        bands = [str(band) for band in getattr(self, 'bands_', None) or ()]
        for file, statistics in zip(found.files, found.statistics, strict=True):
            normalizer = self.task_.model.normalizer
            line = compare_bands(normalizer, inputs.data, statistics, bands)
            if line is not None:
                warnings.warn(f'{file}: {line}', DataWarning, stacklevel=2)
        labels: _Labels | list[_Labels] = inputs.give_back(found.labels)
        return labels

    def fit_predict(self, images: Any, y: None = None) -> _Labels | list[_Labels]:
        """Find classes, and the class of each pixel.

        Args:
            images: One image, several, or paths of rasters, see the class.
            y: Not used, there by convention of scikit-learn.

        Returns:
            Classes, -1 where invalid, of shape (H, W), or a list of such.
        """
        labels: _Labels | list[_Labels] = self.fit(images).labels_
        return labels

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the fitted estimator.

        The file is a checkpoint of Lightning: ``torchgeo predict --ckpt_path`` takes it
        as well.

        Args:
            path: Path of the file.
        """
        check_is_fitted(self)
        save_checkpoint(self, Path(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Load a fitted estimator; nothing in the file is run.

        Args:
            path: Path of a file that :meth:`save` or Lightning wrote.

        Returns:
            The estimator.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is not a checkpoint of k-textures.
        """
        return load_checkpoint(cls, Path(path))
