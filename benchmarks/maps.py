# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Files of label maps."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .sets import Labels


def map_path(folder: Path, dataset: str, method: str, k: int, seed: int) -> Path:
    """Path of the maps of a fit."""
    return folder / f'{dataset}_{method.replace("/", "-")}_k{k}_seed{seed}.npz'


def save_maps(path: Path, maps: Sequence[Labels]) -> None:
    """Store maps, under a temporary name first.

    Args:
        path: File to write.
        maps: Clusters of shape ``(H, W)``, -1 where invalid.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix('.part')
    with part.open('wb') as file:
        arrays = {f'{i:05d}': m.astype(np.int16) for i, m in enumerate(maps)}
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    part.rename(path)


def load_maps(path: Path) -> list[Labels]:
    """Read maps.

    Args:
        path: File to read.

    Returns:
        Clusters of shape ``(H, W)``, -1 where invalid.
    """
    with np.load(path) as arrays:
        return [arrays[name].astype(np.int64) for name in sorted(arrays)]
