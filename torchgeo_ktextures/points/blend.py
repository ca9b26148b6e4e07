# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Classes of places from a few labelled ones, and from the clusters they are in.

If you use this method in your research, please cite the following papers:

* https://doi.org/10.1007/s10994-006-6226-1 (Geurts et al., 2006)
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from ..clustering.settings import LEAST_PROBABILITY
from .settings import DOUBT, ENOUGH, FOLDS, PENALTY, TREES, TRUSTS

type _Array = npt.NDArray[np.float32]


class Layout(NamedTuple):
    """What the columns of features are."""

    #: Number of features of bands, which come first: they tell what is alike.
    bands: int
    #: Number of these and of features of textures, which are next.
    appearance: int
    #: Columns of the probabilities of each number of clusters.
    memberships: Sequence[slice]


class PointBlend(ClassifierMixin, BaseEstimator):
    """A linear model of what clusters say, and a forest of what points say.

    Points lend their classes to places of the same cluster, each place taking that of
    the point most like it. From these, a logistic regression learns what classes look
    like. With few points that is nearly all there is to know; with many, a forest of
    the points themselves sees what no cluster does. The probability of a class is the
    product of both, each to a power that says how far it is trusted.

    Attributes:
        trust_: Power of the linear model; that of the forest is one minus this.
    """

    def __init__(self, layout: Layout, random_state: int | None = None) -> None:
        """Initialize a new PointBlend instance.

        Args:
            layout: What the columns of features are.
            random_state: Seed of everything that is random.
        """
        self.layout = layout
        self.random_state = random_state

    def fit(self, X: _Array, y: npt.NDArray[np.int64], places: _Array) -> 'PointBlend':
        """Learn classes.

        Args:
            X: Features of the points, of shape ``(N, F)``.
            y: Codes of their classes, of shape ``(N,)``.
            places: Features of places without a class, of shape ``(M, F)``.

        Returns:
            The fitted classifier.
        """
        self.classes_ = np.unique(y)
        self.trust_ = self._find_trust(X, y, places)
        self.forest_, self.linear_ = self._fit_both(X, y, places)
        return self

    def _fit_both(
        self, x: _Array, y: npt.NDArray[np.int64], places: _Array
    ) -> tuple[ExtraTreesClassifier, LogisticRegression]:
        forest = ExtraTreesClassifier(TREES, random_state=self.random_state).fit(x, y)
        rows, lent, weights = lend(x, y, places, self.layout)
        seen = np.concatenate([x, places[rows]])[:, : self.layout.appearance]
        labels = np.concatenate([y, lent])
        every = np.concatenate([np.ones(len(y)), weights])
        every *= len(every) / every.sum()
        linear = make_pipeline(
            StandardScaler(),
            FunctionTransformer(np.clip, kw_args={'a_min': -5, 'a_max': 5}),
            LogisticRegression(C=PENALTY, max_iter=300),
        )
        linear.fit(seen, labels, logisticregression__sample_weight=every)
        return forest, linear

    def _find_trust(self, x: _Array, y: npt.NDArray[np.int64], places: _Array) -> float:
        """How far to trust the linear model, by points that were left out."""
        _, counts = np.unique(y, return_counts=True)
        common = np.isin(y, np.unique(y)[counts >= FOLDS])
        if common.sum() < ENOUGH or len(np.unique(y[common])) < 2:
            return 0.5
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=self.random_state)
        x, y = x[common], y[common]
        both = np.zeros((2, len(y), len(np.unique(y))))
        for train, test in folds.split(x, y):
            forest, linear = self._fit_both(x[train], y[train], places)
            both[:, test] = _log_both(forest, linear, x[test], self.layout)
        own = np.searchsorted(np.unique(y), y)
        gains = []
        for trust in TRUSTS:
            logits = _blend(both, trust)
            best = logits.max(1, keepdims=True)
            total = np.log(np.exp(logits - best).sum(1)) + best[:, 0]
            gains.append(float((logits[np.arange(len(y)), own] - total).mean()))
        return TRUSTS[int(np.argmax(gains))]

    def predict_log_proba(self, X: _Array) -> _Array:
        """Compute how likely classes are.

        Args:
            X: Features of shape ``(N, F)``.

        Returns:
            Logarithms of the probabilities, of shape ``(N, K)``.
        """
        both = _log_both(self.forest_, self.linear_, X, self.layout)
        logits = _blend(both, self.trust_)
        logits -= logits.max(1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(1, keepdims=True))
        return logits.astype(np.float32)

    def predict_proba(self, X: _Array) -> _Array:
        """Compute how likely classes are.

        Args:
            X: Features of shape ``(N, F)``.

        Returns:
            Probabilities of shape ``(N, K)``.
        """
        found: _Array = np.exp(self.predict_log_proba(X))
        return found

    def predict(self, X: _Array) -> npt.NDArray[np.int64]:
        """Find the most likely class.

        Args:
            X: Features of shape ``(N, F)``.

        Returns:
            Codes of shape ``(N,)``.
        """
        codes: npt.NDArray[np.int64] = self.classes_[
            self.predict_log_proba(X).argmax(1)
        ]
        return codes


def _log_both(
    forest: ExtraTreesClassifier,
    linear: LogisticRegression,
    x: _Array,
    layout: Layout,
) -> npt.NDArray[np.float64]:
    """Log-probabilities of both models, of shape ``(2, N, K)``."""
    said = linear.predict_proba(x[:, : layout.appearance])
    # Few trees of few points are too sure of themselves.
    return np.log([said + LEAST_PROBABILITY, forest.predict_proba(x) + DOUBT])


def _blend(both: npt.NDArray[np.float64], trust: float) -> npt.NDArray[np.float64]:
    """Weigh both models; with equal trust, each counts once."""
    found: npt.NDArray[np.float64] = 2 * (trust * both[0] + (1 - trust) * both[1])
    return found


def clusters_of(shares: _Array) -> npt.NDArray[np.intp]:
    """Find the cluster of each place.

    Args:
        shares: Probabilities of clusters, of shape ``(N, k)``.

    Returns:
        Numbers of clusters, of shape ``(N,)``, -1 where nothing is known of them.
    """
    return np.where(shares.max(1) > shares.min(1), shares.argmax(1), -1)


def lend(
    x: _Array, y: npt.NDArray[np.int64], places: _Array, layout: Layout
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Lend the classes of points to places of the same clusters.

    Args:
        x: Features of the points, of shape ``(N, F)``.
        y: Codes of their classes, of shape ``(N,)``.
        places: Features of places, of shape ``(M, F)``.
        layout: What the columns of features are.

    Returns:
        Numbers of places, of which the same may come again, the codes that they are
        lent, and their weights: places of a cluster count as much as its points.
    """
    scale = places[:, : layout.bands].std(0).clip(min=1e-6)
    own, others = (v[:, : layout.bands] / scale for v in (x, places))
    rows, lent, weights = [], [], []
    for columns in layout.memberships:
        of_points, of_places = (clusters_of(v[:, columns]) for v in (x, places))
        for cluster in np.unique(of_points[of_points >= 0]):
            points = np.flatnonzero(of_points == cluster)
            here = np.flatnonzero(of_places == cluster)
            if not len(here):
                continue
            gaps = others[here, None] - own[None, points]
            nearest = points[np.square(gaps).sum(-1).argmin(1)]
            rows.append(here)
            lent.append(y[nearest])
            share = len(points) / len(here) / len(layout.memberships)
            weights.append(np.full(len(here), share))
    if not rows:
        return np.empty(0, np.intp), y[:0], np.empty(0)
    return np.concatenate(rows), np.concatenate(lent), np.concatenate(weights)
