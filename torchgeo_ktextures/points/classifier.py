# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""A map of the classes of points, from points and clusters together."""

import os
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from ..estimator import KTexturesSegmenter
from ..fitting import seed_of
from ..inference import ArraySink, predict_tiles
from .fitting import fit_network
from .network import PointNetwork
from .reading import feature_inputs
from .shares import ShareSink
from .storage import load_classifier, save_classifier

_Floats = npt.NDArray[np.float32]


class PointClassifier(ClassifierMixin, BaseEstimator):
    """Tells the classes of all pixels from those of some points.

    Clusters of the images say what is alike, points what it is called. Any number of
    points will do, from one of each class up: with few, clusters decide, with many, a
    forest of the points.

    Attributes:
        classes_: Classes of the points, in their order.
        n_features_in_: Number of bands, C.
        segmenter_: The fitted segmenter.
        model_: What computes the classes of a tile.

    Example:
        >>> import numpy as np
        >>> image = np.random.default_rng(0).normal(size=(4, 64, 64))
        >>> image[:, 32:] *= 3
        >>> points = np.array([[0, 10, 20], [0, 50, 40]])
        >>> segmenter = KTexturesSegmenter(2, max_steps=10)
        >>> classifier = PointClassifier(segmenter).fit(image, points, ['a', 'b'])
        >>> classifier.predict(image).shape
        (64, 64)
    """

    classes_: npt.NDArray[Any]
    segmenter_: KTexturesSegmenter
    model_: PointNetwork

    def __init__(
        self,
        segmenter: KTexturesSegmenter | None = None,
        *,
        random_state: int | None = None,
        device: str = 'auto',
    ) -> None:
        """Initialize a new PointClassifier instance.

        Args:
            segmenter: Estimator of clusters. A fitted one is used as it is; one that is
                not is copied and fitted to the images (defaults to one of eight
                classes).
            random_state: Seed of everything that is random; an int gives the same
                result each time.
            device: 'auto', 'cpu', 'cuda', 'mps' or another accelerator of Lightning.
        """
        self.segmenter = segmenter
        self.random_state = random_state
        self.device = device

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn what images are."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, images: Any, points: Any, classes: Any) -> Self:
        """Learn the classes of points.

        Args:
            images: One image, several, or paths of rasters, as
                :class:`~torchgeo_ktextures.KTexturesSegmenter` takes them.
            points: Image, row and column of each point, whole numbers of shape
                ``(N, 3)``; or a GeoDataFrame of points, if images are rasters.
            classes: Class of each point, of shape ``(N,)``, numbers or text.

        Returns:
            The fitted classifier.

        Raises:
            FileNotFoundError: If a path does not exist.
            TypeError: If points are of another form.
            ValueError: If there are points of one class only, outside of the images or
                in nodata, or the images do not fit the segmenter.
        """
        names, codes = _as_codes(classes, len(points))
        seed = seed_of(self.random_state)
        self.segmenter_ = self._fitted_segmenter(images, seed)
        self.model_ = fit_network(self.segmenter_, images, points, codes, seed)
        self.classes_ = names
        self.n_features_in_ = self.segmenter_.n_features_in_
        return self

    def _fitted_segmenter(self, images: Any, seed: int) -> KTexturesSegmenter:
        if self.segmenter is not None and hasattr(self.segmenter, 'task_'):
            return self.segmenter
        if self.segmenter is None:
            new = KTexturesSegmenter(random_state=seed, device=self.device)
        else:
            new = KTexturesSegmenter(**self.segmenter.get_params())
        return new.fit_model(images)

    def predict(self, images: Any) -> Any:
        """Find the class of each pixel.

        Args:
            images: One image, several, or paths of rasters, see :meth:`fit`.

        Returns:
            Classes of shape (H, W), or a list of such. Where a pixel is invalid, -1 if
            classes are numbers, or empty text.

        Raises:
            ValueError: If the images do not have the bands of the training images.
        """
        check_is_fitted(self)
        inputs = feature_inputs(self.segmenter_, images)
        sink = ArraySink(len(self.classes_))
        self.model_.predict_keys = ('labels',)
        predict_tiles(self.model_, inputs.data, sink, self.device)
        none = np.array([-1 if self.classes_.dtype.kind in 'iufb' else ''])
        kind = np.result_type(self.classes_, none)
        # The last entry is that of code -1.
        names = np.concatenate([self.classes_.astype(kind), none.astype(kind)])
        return inputs.give_back([names[codes] for codes in sink.labels])

    def predict_proba(self, images: Any) -> _Floats | list[_Floats]:
        """Find how likely each class is at each pixel.

        Args:
            images: One image, several, or paths of rasters, see :meth:`fit`.

        Returns:
            Probabilities of shape (H, W, K) in the order of ``classes_``, NaN where
            invalid, or a list of such.

        Raises:
            ValueError: If the images do not have the bands of the training images.
        """
        check_is_fitted(self)
        inputs = feature_inputs(self.segmenter_, images)
        sink = ShareSink(len(self.classes_))
        self.model_.predict_keys = ('labels', 'shares')
        predict_tiles(self.model_, inputs.data, sink, self.device)
        found = sink.shares
        return found[0] if inputs.single and len(found) == 1 else found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the fitted classifier.

        The file is a checkpoint of its segmenter as well.

        Args:
            path: Path of the file.
        """
        check_is_fitted(self)
        save_classifier(self, Path(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Load a fitted classifier; nothing in the file is run.

        Args:
            path: Path of a file that :meth:`save` wrote.

        Returns:
            The classifier.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it holds no classifier that can be read.
        """
        return load_classifier(cls, Path(path))


def _as_codes(
    classes: Any, count: int
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Different classes in their order, and the number of that of each point."""
    values = np.asarray(classes)
    if values.shape != (count,):
        msg = (
            f'there are {count} points, but classes are of shape {values.shape}; give '
        )
        raise ValueError(f'{msg}one class for each point')
    if values.dtype.kind == 'O':
        values = values.astype(str)
    names, codes = np.unique(values, return_inverse=True)
    if len(names) < 2:
        what = f'are all of class {names[0]}' if len(names) else 'are none'
        msg = f'the {count} points {what}; give points of at least two classes'
        raise ValueError(msg)
    return names, codes.astype(np.int64)
