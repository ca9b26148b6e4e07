# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Methods of the benchmark by name."""

import dataclasses

import yaml

from .deep_features import FeatureKMeans
from .edge_moments import EdgeMomentsGaussianMixture, EdgeMomentsKMeans
from .feature_clustering import FeatureClustering
from .gaussian_mixture import PixelGaussianMixture
from .kmeans import PixelKMeans, PixelMiniBatchKMeans
from .ktextures import KTextures
from .local_statistics import LocalStatisticsKMeans
from .majority import MajorityFiltered
from .method import Method
from .paper import Mixture, PaperKTextures
from .superpixels import FelzenszwalbKMeans, SlicKMeans
from .texture_descriptors import TextureKMeans

#: Methods with their defaults, in the order of tables.
METHODS: dict[str, Method] = {
    'kmeans': PixelKMeans(),
    'minibatch-kmeans': PixelMiniBatchKMeans(),
    'kmeans-majority5': MajorityFiltered(PixelKMeans(), 5),
    'kmeans-majority9': MajorityFiltered(PixelKMeans(), 9),
    'minibatch-kmeans-majority5': MajorityFiltered(PixelMiniBatchKMeans(), 5),
    'minibatch-kmeans-majority9': MajorityFiltered(PixelMiniBatchKMeans(), 9),
    'kmeans-local-statistics': LocalStatisticsKMeans(),
    'kmeans-lbp-gabor': TextureKMeans(),
    'kmeans-vgg16': FeatureKMeans(
        (('color', 1.0), ('vgg16_relu3_3', 0.5), ('vgg16_relu4_3', 0.5))
    ),
    'kmeans-planet-features': FeatureKMeans(
        (
            ('color', 1.0),
            ('planet_stride2', 0.5),
            ('planet_stride4', 0.5),
            ('planet_stride8', 0.5),
        )
    ),
    'kmeans-backbone': FeatureKMeans((('backbone', 1.0),), backbone='dinov2'),
    'gaussian-mixture': PixelGaussianMixture(),
    'kmeans-edge-moments': EdgeMomentsKMeans(),
    'gaussian-mixture-edge-moments': EdgeMomentsGaussianMixture(),
    'slic-kmeans': SlicKMeans(),
    'felzenszwalb-kmeans': FelzenszwalbKMeans(),
    'kim2020': FeatureClustering(),
    'mixture': Mixture(),
    'ktextures-paper': PaperKTextures(),
    'ktextures': KTextures(),
}


def make_method(name: str, vgg_weights: str | None = None) -> Method:
    """Make a method from its name.

    Args:
        name: Key of :data:`METHODS`, or a variant of one: ``name@setting=value,...``
            with YAML scalars as values.
        vgg_weights: Weights of VGG-16 for the methods that use it.

    Returns:
        The method.

    Raises:
        ValueError: If there is no such method or setting.
    """
    base, _, changes = name.partition('@')
    if base not in METHODS:
        msg = f'there is no method {base!r}, use some of ' + ', '.join(METHODS)
        raise ValueError(msg)
    method = METHODS[base]
    if 'vgg_weights' in (field.name for field in dataclasses.fields(method)):
        method = method.with_settings({'vgg_weights': vgg_weights})
    if not changes:
        return method
    values = {}
    for change in changes.split(','):
        key, equals, value = change.partition('=')
        if not equals:
            msg = f'{change!r} in {name!r} is no setting, write name=value'
            raise ValueError(msg)
        values[key] = yaml.safe_load(value)
    return method.with_settings(values)
