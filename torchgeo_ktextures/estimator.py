# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""k-textures as a scikit-learn estimator."""

import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClusterMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from .checkpoints import save_checkpoint
from .errors import DataWarning
from .fitting import Fitting
from .inference import label_images, label_patches
from .inference.likelihood import mean_log_likelihood
from .inference.statistics import total_classes
from .inference.training_range import compare_bands
from .maps.class_tree import cut_tree

_Labels = npt.NDArray[np.int64]


def _renumber(labels: Any, names: _Labels) -> Any:
    if isinstance(labels, np.ndarray):
        return names[labels]
    return labels.copy(data=names[np.asarray(labels)])  # an array of xarray


class KTexturesSegmenter(ClusterMixin, Fitting):
    """Splits images into k classes, each of which is a texture in context.

    Where k-means takes a table of pixels, this takes images, one or many: arrays of
    shape (C, H, W) in which NaN is invalid (NumPy, PyTorch, dask), arrays of xarray
    with any order of dimensions, datasets of bands, or paths of rasters. Bands come in
    the order red, green, blue, near infrared; others may follow. Bands with names are
    brought to this order. For an array of xarray, labels are one as well, with the
    dimension of time if there is one.

    If you use this estimator in your research, please cite the following paper:

    * https://arxiv.org/abs/2205.08671

    Attributes:
        labels_: Class of each pixel of the training images, -1 where invalid, int of
            shape (H, W), or a list of such.
        n_clusters_: Number of classes.
        selection_: Criteria for each number of classes, where it was chosen, see
            :func:`~torchgeo_ktextures.clustering.compare_numbers`.
        n_iter_: Number of steps; one for each restart where there was nothing to learn.
        loss_: Loss over the last steps: the share of the variance of the features that
            the simulation does not explain or, where colour tells all classes and
            nothing is simulated, the cross-entropy of the masks in nats.
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

    def cut(self, n_clusters: int, labels: Any = None) -> Any:
        """Merge the classes that are most alike, until a number of them is left.

        Args:
            n_clusters: Number of classes wanted, from 1 to that of the fit.
            labels: Labels that :meth:`predict` gave, or a list of such (defaults to
                those of the training images).

        Returns:
            Labels as they came, with fewer classes. A merged class keeps the number of
            its larger part, so that maps of k and of k + 1 classes differ in one
            class only; numbers in between may be missing.

        Raises:
            ValueError: If there are fewer classes than wanted.

        Example:
            >>> image = np.random.default_rng(0).random((4, 64, 64))
            >>> segmenter = KTexturesSegmenter(4, max_steps=1).fit(image)
            >>> len(np.unique(segmenter.cut(2)))
            2
        """
        check_is_fitted(self)
        # Invalid pixels, -1, are last.
        names = np.append(cut_tree(self.tree_, n_clusters), -1)
        labels = self.labels_ if labels is None else labels
        if isinstance(labels, list):
            return [_renumber(item, names) for item in labels]
        return _renumber(labels, names)

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

    def adapt(self, images: Any) -> Self:
        """Adapt the fitted estimator to the light and the sensor of other images.

        Bands get a gain and an offset each, such that the images fit the classes.
        Classes, their numbers and their colours stay. From then on, all images are
        taken for such as these: :meth:`load` the estimator again for others.

        Args:
            images: One image, several of one date, or paths of rasters, see the class.

        Returns:
            The estimator; ``adaptation_`` says by how much each class moved.

        Raises:
            ValueError: If the images do not have the bands of the training images, or
                classes are not told by colour.

        Warns:
            DataWarning: If the images have other land cover.
        """
        from .change.adapt import adapt_model
        from .points.reading import draw_patches

        check_is_fitted(self)
        before = self.radiometry_ = replace(self.radiometry(), adapted=None)
        self.adaptation_ = adapt_model(self.task_.model, draw_patches(self, images))
        self.radiometry_ = replace(before, adapted=self.adaptation_.gains)
        return self

    def score(self, images: Any, y: None = None) -> float:
        """Compute how likely images are, by the classes that were found.

        Searches of scikit-learn, such as ``GridSearchCV`` over lists of images, use it.
        As that of a mixture, it tends to rise with the number of classes:
        ``n_clusters='auto'`` chooses by what is found again, and goes on in space.

        Args:
            images: One image, several, or paths of rasters, see the class.
            y: Not used, there by convention of scikit-learn.

        Returns:
            Mean log-likelihood of the local moments and features of valid pixels, but
            for a constant; the higher, the better.

        Raises:
            ValueError: If the images do not have the bands of the training images.
        """
        check_is_fitted(self)
        data = self.inputs_of(images).data
        return mean_log_likelihood(self.task_, data, self.device)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the fitted estimator.

        The file is a checkpoint of Lightning: ``torchgeo predict --ckpt_path`` takes it
        as well.

        Args:
            path: Path of the file.
        """
        check_is_fitted(self)
        save_checkpoint(self, Path(path))

    def suggest_points(
        self, images: Any, count: int, points: Any = None
    ) -> npt.NDArray[np.int64]:
        """Suggest places to label, best first.

        Args:
            images: One image, several, or paths of rasters, see the class.
            count: Number of places.
            points: Points that have a label already, if any.

        Returns:
            Image, row and column of each place, of shape (N, 3), fewer than asked for
            if there are no more; see :func:`~torchgeo_ktextures.points.suggest_points`.
        """
        from .points import suggest_points

        return suggest_points(self, images, count, points).points
