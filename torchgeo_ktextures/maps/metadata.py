# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What is written about chips."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from .output import complete_file

#: File that describes chips.
METADATA = 'metadata.yaml'

#: What chips that are used together have in common.
_ALIKE = ('classes', 'bands', 'scale', 'ignore_index', 'chip_size', 'ignore_scale')

_TRAINING = """\
# What training on these samples needs to know of them, for
#
#   torchgeo fit --config configs/supervised.yaml --config {path}
"""


@dataclass(frozen=True)
class ChipMetadata:
    """What chips of one or more scenes hold."""

    classes: Sequence[str]
    #: Red, green, blue by class.
    colors: Sequence[Sequence[int]]
    bands: Sequence[str]
    #: Digital numbers are divided by this.
    scale: float
    #: Code of pixels without class.
    ignore_index: int
    chip_size: int
    #: Mean and standard deviation of each band of the training chips, over scale.
    mean: Sequence[float]
    std: Sequence[float]
    #: Whether scale and offset tags of the scene are ignored.
    ignore_scale: bool = False


def write_metadata(folder: Path, content: Mapping[str, Any]) -> None:
    """Write the metadata of chips.

    Args:
        folder: Folder of the chips.
        content: What they hold, with the fields of :class:`ChipMetadata`.
    """
    text = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True)
    (folder / METADATA).write_text(text, encoding='utf-8')


def write_training(
    path: Path, chips: Path, image: str, bands: Sequence[int], nodata: Sequence[float]
) -> None:
    """Write what a configuration of ``SemanticSegmentation`` lacks to train on chips.

    Args:
        path: YAML file to write, the second configuration of ``torchgeo fit``.
        chips: Folder of the chips.
        image: Scene that they are of, which is to be predicted.
        bands: 1-based numbers of the bands that the chips have of it.
        nodata: Values of the scene that mean no data, besides those that it declares.

    Raises:
        OSError: If the file cannot be written.
    """
    found = read_metadata([chips])
    model = {
        'in_channels': len(found.bands),
        'num_classes': len(found.classes),
        'ignore_index': found.ignore_index,
    }
    data = {
        'root': str(chips),
        'predict_paths': image,
        'bands': list(bands),
        'nodata': list(nodata) or None,
    }
    content = {'model': {'init_args': model}, 'data': {'init_args': data}}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    with complete_file(path) as temporary:
        temporary.write_text(_TRAINING.format(path=path) + text, encoding='utf-8')


def read_metadata(folders: Sequence[Path]) -> ChipMetadata:
    """Read the metadata of chips.

    Args:
        folders: Folders of chips, whose statistics are put together.

    Returns:
        Metadata.

    Raises:
        ValueError: If a folder does not hold chips, or folders differ in classes,
            bands, scale, value without class or size.
    """
    if not folders:
        raise ValueError('no folder of chips is given; name at least one')
    contents = [_load(folder) for folder in folders]
    first = contents[0]
    statistics = Statistics(len(first['bands']))
    for folder, content in zip(folders, contents, strict=True):
        for key in _ALIKE:
            # Files of earlier versions do not have the last one.
            one, other = first.get(key, False), content.get(key, False)
            if one != other:
                msg = f'{folders[0]} and {folder} differ in {key}: {one} and '
                msg += f'{other}; export them alike, or train on one of them'
                raise ValueError(msg)
        found = content['statistics']
        statistics.merge(
            found['pixels'], np.array(found['mean']), np.array(found['std'])
        )
    return ChipMetadata(
        first['classes'],
        first['colors'],
        first['bands'],
        first['scale'],
        first['ignore_index'],
        first['chip_size'],
        statistics.mean.tolist(),
        statistics.std.tolist(),
        first.get('ignore_scale', False),
    )


def _load(folder: Path) -> dict[str, Any]:
    """Metadata of the chips in a folder, if they are what they should be."""
    try:
        content = yaml.safe_load((folder / METADATA).read_text('utf-8'))
    except (OSError, ValueError, AttributeError, RecursionError, yaml.YAMLError) as e:
        msg = f'{folder} does not hold chips ({METADATA} cannot be read: '
        msg += f'{type(e).__name__}); name the folder chips that export wrote'
        raise ValueError(msg) from None
    content = content if isinstance(content, dict) else {}
    wrong = next((key for key, fits in _FIELDS.items() if not fits(content)), None)
    if wrong is not None:
        found = repr(content.get(wrong))[:80]
        msg = f'{folder / METADATA} has {wrong} {found}, which export does not write: '
        raise ValueError(f'{msg}the file is damaged, export the chips again')
    return content


def _are_texts(values: Any) -> bool:
    some = isinstance(values, list) and bool(values)
    return some and all(isinstance(value, str) for value in values)


def _is_whole(value: Any, low: int, high: float = np.inf) -> bool:
    return type(value) is int and low <= value <= high


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and bool(np.isfinite(value))


def _are_colors(values: Any, count: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) == count
        and all(isinstance(color, list) and len(color) == 3 for color in values)
        and all(_is_whole(value, 0, 255) for color in values for value in color)
    )


def _are_statistics(found: Any, bands: int) -> bool:
    if not isinstance(found, dict) or not _is_whole(found.get('pixels'), 1):
        return False
    mean, std = found.get('mean'), found.get('std')
    return all(
        isinstance(values, list)
        and len(values) == bands
        and all(_is_number(value) for value in values)
        for values in (mean, std)
    )


#: Whether what is read is what export writes.
_FIELDS: dict[str, Callable[[dict[str, Any]], bool]] = {
    'classes': lambda found: _are_texts(found.get('classes')),
    'colors': lambda found: _are_colors(found.get('colors'), len(found['classes'])),
    'bands': lambda found: _are_texts(found.get('bands')),
    'scale': lambda found: _is_number(found.get('scale')) and found['scale'] > 0,
    'ignore_index': lambda found: _is_whole(found.get('ignore_index'), 0, 65535),
    'chip_size': lambda found: _is_whole(found.get('chip_size'), 1),
    # Files of earlier versions do not have it.
    'ignore_scale': lambda found: isinstance(found.get('ignore_scale', False), bool),
    'statistics': lambda found: _are_statistics(
        found.get('statistics'), len(found['bands'])
    ),
}


class Statistics:
    """Mean and standard deviation of bands, added up part by part."""

    def __init__(self, bands: int) -> None:
        """Begin.

        Args:
            bands: Number of bands.
        """
        self.count = 0
        self.mean = np.zeros(bands)
        self.square = np.zeros(bands)

    def add(self, pixels: npt.NDArray[Any]) -> None:
        """Add pixels.

        Args:
            pixels: Values of shape ``(C, N)``.
        """
        if not pixels.shape[1]:
            return
        self.merge(
            pixels.shape[1], pixels.mean(1, np.float64), pixels.std(1, np.float64)
        )

    def merge(self, count: int, mean: npt.NDArray[Any], std: npt.NDArray[Any]) -> None:
        """Add what other pixels were found to have.

        Args:
            count: Number of pixels.
            mean: Mean of each band.
            std: Standard deviation of each band.
        """
        # https://doi.org/10.1080/00031305.1983.10483115 (Chan et al., 1983)
        total = self.count + count
        shift = mean - self.mean
        self.square += std**2 * count + shift**2 * self.count * count / total
        self.mean = self.mean + shift * count / total
        self.count = total

    @property
    def std(self) -> npt.NDArray[np.float64]:
        """Standard deviation of each band."""
        std: npt.NDArray[np.float64] = np.sqrt(self.square / max(self.count, 1))
        return std

    def content(self) -> dict[str, Any]:
        """What is written of them: mean and spread of training pixels over scale."""
        return {
            'split': 'train',
            'pixels': self.count,
            'mean': [float(v) for v in self.mean],
            'std': [float(v) for v in self.std],
        }
