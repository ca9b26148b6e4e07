# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""k-textures, as a user calls it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import torchgeo_ktextures

from ..sets import Image, Labels
from .method import Method


@dataclass(frozen=True)
class KTextures(Method):
    """The estimator with its defaults, but for what a variant names."""

    changed: tuple[tuple[str, Any], ...] = ()

    def _estimator(self, **kwargs: Any) -> Any:
        # Other methods do not need what it imports.
        package = import_module('torchgeo_ktextures')
        return package.KTexturesSegmenter(**(dict(self.changed) | kwargs))

    @property
    def settings(self) -> dict[str, Any]:
        """Settings, which JSON can hold; the code is a part of them."""
        settings = {
            name: shown(value) if name == 'backbone_weights' else plain(value)
            for name, value in self._estimator().get_params().items()
            if name not in ('n_clusters', 'random_state')
        }
        return settings | {'code': code_hash()}

    def with_settings(self, values: dict[str, Any]) -> Self:
        """Change parameters of the estimator.

        Args:
            values: New values by name.

        Returns:
            The method with these parameters.

        Raises:
            ValueError: If there is no such parameter.
        """
        names = self._estimator().get_params()
        for name in values:
            if name not in names:
                msg = f'{type(self).__name__} has no setting {name!r}, use one of '
                raise ValueError(msg + ', '.join(names))
        return type(self)(tuple((dict(self.changed) | values).items()))

    def unavailable(self) -> str | None:
        """Say why the method cannot run here, or None if it can."""
        try:
            self._estimator()
        except (AttributeError, ImportError) as error:
            return str(error)
        return None

    def fit_predict(
        self, images: Sequence[Image], n_clusters: int, seed: int
    ) -> list[Labels]:
        """Fit on images, without labels, and predict all of them."""
        estimator = self._estimator(n_clusters=n_clusters, random_state=seed)
        maps: list[Labels] = estimator.fit_predict(list(images))
        return maps


def plain(value: Any) -> Any:
    """What JSON can hold of a parameter."""
    return value if isinstance(value, int | float | None) else str(value)


def shown(weights: Any) -> Any:
    """What tells weights: where their file is does not matter."""
    return Path(weights).name if isinstance(weights, str) else weights


def code_hash() -> str:
    """First 8 hexadecimal digits of the SHA-256 of the package's code and weights."""
    digest = hashlib.sha256()
    root = Path(torchgeo_ktextures.__file__).parent
    for path in sorted((*root.rglob('*.py'), *root.rglob('*.safetensors'))):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]
