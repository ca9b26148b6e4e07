# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Fitted classifiers of points as checkpoints."""

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..checkpoints import save_checkpoint
from ..errors import first_line
from ..estimator import KTexturesSegmenter
from ..maps.output import complete_file
from .features import PlaceFeatures
from .network import PointNetwork

if TYPE_CHECKING:
    from .classifier import PointClassifier

#: Where what is not the segmenter's is in a checkpoint.
_KEY = 'ktextures_points'


def save_classifier(classifier: 'PointClassifier', path: Path) -> None:
    """Save a fitted classifier: its segmenter, clusters, and what it was fitted to.

    Args:
        classifier: Fitted classifier.
        path: Path of the file.

    Raises:
        OSError: If the file cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / 'segmenter.ckpt'
        save_checkpoint(classifier.segmenter_, part)
        content = torch.load(part, 'cpu', weights_only=True)
    network = classifier.model_
    content[_KEY] = {
        'num_clusters': network.features.num_clusters,
        'clusters': network.features.clusters.state_dict(),
        'points': network.points,
        'codes': network.codes,
        'places': network.places,
        'seed': network.seed,
        'classes': classifier.classes_.tolist(),
    }
    file = io.BytesIO()
    torch.save(content, file)
    with complete_file(path) as temporary:
        temporary.write_bytes(file.getvalue())


def load_classifier[C: 'PointClassifier'](cls: type[C], path: Path) -> C:
    """Load a fitted classifier; its forest grows again from the same points.

    Args:
        cls: Class of the classifier.
        path: Path of the file.

    Returns:
        The classifier.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no classifier that can be read.
    """
    segmenter = KTexturesSegmenter.load(path)
    own: dict[str, Any] = torch.load(path, 'cpu', weights_only=True).get(_KEY, {})
    if not own:
        msg = f'{path} holds a segmenter but no classifier of points; give a file that '
        raise ValueError(f'{msg}PointClassifier.save wrote')
    try:
        features = PlaceFeatures(segmenter.task_, own['num_clusters']).eval()
        features.clusters.load_state_dict(own['clusters'])
        points, codes, places = (
            own[name].numpy() for name in ('points', 'codes', 'places')
        )
        network = PointNetwork(features, points, codes, places, own['seed']).eval()
        classes = np.array(own['classes'])
    except (KeyError, RuntimeError, AttributeError, TypeError) as error:
        msg = f'{path} holds no classifier that can be read ({first_line(error)}); fit '
        raise ValueError(f'{msg}it again') from None
    classifier = cls(segmenter)
    classifier.segmenter_ = segmenter
    classifier.n_features_in_ = segmenter.n_features_in_
    classifier.classes_ = classes
    classifier.model_ = network
    return classifier
