# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Fitted models as the command applies them, without what fits them."""

import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import torch

from .callbacks.losses import Losses
from .checkpoints import load_checkpoint
from .datamodules.inputs import Inputs
from .datamodules.radiometry import Radiometry
from .datasets.validity import InvalidIf
from .inference import margin_of
from .inference.fitted import FittedModel
from .inference.prediction import Predictor


class Segmenter:
    """Parameters of an estimator, and what is known once it is fitted.

    :class:`~torchgeo_ktextures.KTexturesSegmenter`, which documents all of it, is one
    that can be fitted. This one applies a checkpoint, which needs neither Lightning nor
    TorchGeo nor scikit-learn: they take several times as long to load as PyTorch.
    """

    #: What takes images.
    inputs_class: type[Inputs] = Inputs

    task_: Predictor
    n_features_in_: int
    feature_names_in_: npt.NDArray[Any] | None
    bands_: Sequence[str | int]
    selection_: dict[str, list[float]]
    n_iter_: int
    loss_: float
    history_: Losses
    textures_: npt.NDArray[np.floating]
    cluster_centers_: npt.NDArray[np.float64]
    trained_on_: dict[str, Any]
    radiometry_: Radiometry

    def __init__(
        self,
        n_clusters: int | str = 8,
        *,
        mask_stride: int = 4,
        max_steps: int = 100,
        n_init: int = 1,
        random_state: int | np.random.RandomState | None = None,
        device: str = 'auto',
        features: Sequence[str] = (
            'color',
            'texture',
            'planet_stride4',
            'planet_stride8',
        ),
        weights: str | bool | None = None,
        backbone: str | None = None,
        backbone_weights: str | bool | None = None,
        backbone_bands: Sequence[int] | None = None,
        init: Literal['mixture', 'kmeans', 'random'] = 'mixture',
        warm_start: bool | None = None,
        assignment_weight: float = 3.0,
        patch_size: int = 96,
        batch_size: int = 4,
        bands: Sequence[str | int] | None = None,
        scale: float = 1,
        nodata: float | Sequence[float] | None = None,
        invalid_if: InvalidIf = 'any',
        normalize: Literal['none', 'scene', 'relative'] = 'none',
        ignore_scale: bool = False,
        verbose: bool = False,
    ) -> None:
        """Initialize a new instance.

        Args:
            n_clusters: Number of classes, k; a range to choose from, such as '4:16'; or
                'auto' to choose from 2 to 12.
            mask_stride: Scale in pixels at which classes may change (1, 2, 4, 8 or 16):
                the smallest region worth a class.
            max_steps: Number of training steps of a fit, at most. Where colour tells
                the classes apart, one is enough, as there is nothing to learn.
            n_init: Number of whole fits from different weights; the one with the lowest
                loss on a fixed sample is kept. Classes to begin with are the same but
                for ``init='kmeans'`` and ``'random'``.
            random_state: Seed of everything that is random: which patches of large
                scenes are seen, networks and textures. An int gives the same result
                each time.
            device: 'auto', 'cpu', 'cuda', 'mps' or another accelerator of Lightning.
            features: Groups of features to compare, see
                :class:`~torchgeo_ktextures.tasks.KTextures`.
            weights: Weights of the feature extractor, see there.
            backbone: Network whose features tell classes as well, such as 'dinov3', see
                docs/backbones.md.
            backbone_weights: Its weights, see
                :class:`~torchgeo_ktextures.tasks.KTextures`.
            backbone_bands: Index of the band for each of its channels, see there.
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
                classes, dates of one place are brought to the radiometry of one of
                them by places that have not changed ('relative'), or 'none' is.
            ignore_scale: Whether scale and offset in tags of rasters, and in attributes
                of arrays of xarray, are ignored.
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
        self.backbone = backbone
        self.backbone_weights = backbone_weights
        self.backbone_bands = backbone_bands
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
        self.ignore_scale = ignore_scale
        self.verbose = verbose

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """List the parameters.

        Args:
            deep: Not used, there by convention of scikit-learn.

        Returns:
            Values by name.
        """
        names = list(inspect.signature(Segmenter.__init__).parameters)[1:]
        return {name: getattr(self, name) for name in names}

    def set_params(self, **params: Any) -> Self:
        """Set parameters.

        Args:
            **params: Values by name.

        Returns:
            The same.
        """
        vars(self).update(params)
        return self

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Load a fitted estimator; nothing in the file is run.

        Args:
            path: Path of a file that an estimator or Lightning wrote.

        Returns:
            The estimator.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is not a checkpoint of k-textures.
        """
        return load_checkpoint(cls, Path(path))

    @classmethod
    def task_of(cls, path: Path, content: Mapping[str, Any]) -> Predictor:
        """Make what predicts.

        Args:
            path: Path of a checkpoint.
            content: What is in it.

        Returns:
            Fitted model.
        """
        return FittedModel(content['hyper_parameters'], content['state_dict'])

    @property
    def n_clusters_(self) -> int:
        """Number of classes, k."""
        return self.task_.model.num_classes

    @property
    def tree_(self) -> npt.NDArray[np.float64]:
        """Order in which classes merge, see :meth:`.KTexturesSegmenter.cut`.

        Returns:
            Linkage matrix of SciPy, of shape (k - 1, 4), for
            ``scipy.cluster.hierarchy.dendrogram`` and others. The larger part of each
            merge comes first.
        """
        linkage: npt.NDArray[np.float64] = self.task_.linkage.cpu().double().numpy()
        return linkage

    def _inputs(self, images: Any, **kwargs: Any) -> Inputs:
        for name in ('scale', 'ignore_scale', 'nodata', 'invalid_if', 'normalize'):
            kwargs[name] = getattr(self, name)
        inputs = self.inputs_class(images, **kwargs)
        if inputs.bands is not None:
            self.bands_ = inputs.bands
        return inputs

    @torch.inference_mode()
    def find_textures(self) -> None:
        """Draw the textures of the fitted task."""
        model = self.task_.eval().model
        noise = torch.Generator().manual_seed(0)
        textures = model.draw_textures((64, 64), noise)
        self.textures_ = model.normalizer.inverse(textures).cpu().numpy()

    def radiometry(self) -> Radiometry:
        """What brings scenes to the radiometry of those that were fitted.

        Returns:
            What is known of them.

        Raises:
            ValueError: If places are to be compared, and none are known.
        """
        known: Radiometry = getattr(self, 'radiometry_', Radiometry())
        if self.normalize == 'relative' and known.places is None:
            msg = "normalize='relative' compares dates with places of the scenes that "
            msg += 'the model was fitted to, and this one was fitted without; fit with '
            msg += "it, adapt the model to the scene, or use normalize='scene'"
            raise ValueError(msg)
        if self.normalize == 'scene' and known.moments is None:
            n = self.task_.model.normalizer
            moments = np.stack([n.mean.cpu().numpy(), n.std.cpu().numpy()])
            known = replace(known, moments=moments.astype(np.float64))
        return known

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
        kwargs.setdefault('margin', margin_of(self.task_.context))
        inputs = self._inputs(images, names=names, bands=bands or self.bands, **kwargs)
        if inputs.num_bands != self.n_features_in_:
            msg = f'X has {inputs.num_bands} features, but {type(self).__name__} is '
            msg += f'expecting {self.n_features_in_} features as input: give images of '
            raise ValueError(msg + 'the bands it was fitted with')
        inputs.data.radiometry = self.radiometry()
        return inputs
