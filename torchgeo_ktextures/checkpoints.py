# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Fitted estimators as checkpoints of Lightning."""

import io
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .callbacks.losses import Losses
from .datamodules.radiometry import Radiometry
from .errors import first_line
from .maps.output import complete_file

if TYPE_CHECKING:
    from .segmenter import Segmenter

#: Where the parts that are the estimator's own are in a checkpoint.
_KEY = 'ktextures_segmenter'

#: Where the state of the data module is, by the name of its class.
_DATA = 'RasterDataModule'


def save_checkpoint(segmenter: 'Segmenter', path: Path, run: str | None = None) -> None:
    """Save a fitted estimator.

    Args:
        segmenter: Fitted estimator.
        path: Path of the file.
        run: What tells scenes and options that it was fitted to and with.

    Raises:
        OSError: If the file cannot be written.
    """
    task = segmenter.task_
    params = segmenter.get_params()
    history = getattr(segmenter, 'history_', None)
    if not isinstance(params['random_state'], int | None):
        params['random_state'] = None  # the state of a generator is not kept
    names = getattr(segmenter, 'feature_names_in_', None)
    content = {
        'epoch': 0,
        'global_step': segmenter.n_iter_,
        'pytorch-lightning_version': version('lightning'),
        'state_dict': task.state_dict(),
        'hparams_name': 'kwargs',
        'hyper_parameters': dict(task.hparams),
        _KEY: {
            'params': params,
            'run': run,
            'loss': segmenter.loss_,
            'selection': getattr(segmenter, 'selection_', None),
            'bands': getattr(segmenter, 'bands_', None),
            'names': None if names is None else [str(name) for name in names],
            'history': history.values if history is not None else None,
            'textures': torch.from_numpy(segmenter.textures_),
            'centers': torch.from_numpy(segmenter.cluster_centers_),
        },
    }
    radiometry: Radiometry = getattr(segmenter, 'radiometry_', Radiometry())
    # As Lightning keeps the state of data modules.
    content[_DATA] = {
        'trained_on': getattr(segmenter, 'trained_on_', None),
        **radiometry.state(),
    }
    # PyTorch tells of a full disk in words of its own.
    file = io.BytesIO()
    torch.save(content, file)
    with complete_file(path) as temporary:
        temporary.write_bytes(file.getvalue())


def load_checkpoint[S: 'Segmenter'](cls: type[S], path: Path) -> S:
    """Load a fitted estimator, or a task that ``torchgeo fit`` has trained.

    Args:
        cls: Class of the estimator.
        path: Path of the checkpoint.

    Returns:
        The fitted estimator.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a checkpoint of k-textures.
    """
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint {str(path)!r} does not exist')
    try:
        content = _read(path)
        hparams = content['hyper_parameters']
        k, stride, bands = (
            hparams[name] for name in ('num_classes', 'mask_stride', 'in_channels')
        )
        task = cls.task_of(path, content)
    except Exception as e:  # noqa: BLE001 - damaged files fail by anything
        reason = first_line(e).split('. ')[0]
        msg = f'{path} is not a checkpoint of k-textures that can be read ({reason}); '
        msg += 'give one that --save-checkpoint or torchgeo fit wrote'
        raise ValueError(msg) from None
    if not task.fitted:
        raise ValueError(f'{path} holds a model that was never fitted; fit it first')
    own = content.get(_KEY, {})
    params = {'n_clusters': k, 'mask_stride': stride, 'features': hparams['features']}
    segmenter = cls(**own.get('params', params))
    segmenter.task_ = task.eval()
    segmenter.n_features_in_ = bands
    segmenter.n_iter_ = content['global_step']
    segmenter.loss_ = own.get('loss', float('nan'))
    if own.get('selection') is not None:
        segmenter.selection_ = own['selection']
    if own.get('names') is not None:
        segmenter.feature_names_in_ = np.array(own['names'], object)
    if own.get('bands') is not None:
        segmenter.bands_ = own['bands']
    data = content.get(_DATA, {})
    segmenter.trained_on_ = data.get('trained_on') or {}
    segmenter.radiometry_ = Radiometry.of_state(data)
    if own.get('history') is not None:
        segmenter.history_ = Losses(own['history'])
    if 'textures' in own:
        segmenter.textures_ = own['textures'].numpy()
        segmenter.cluster_centers_ = own['centers'].numpy()
    else:
        segmenter.find_textures()
        segmenter.cluster_centers_ = segmenter.textures_.mean((2, 3)).astype(np.float64)
    return segmenter


def run_of(path: Path) -> str | None:
    """Tell what a checkpoint was fitted to and with.

    Args:
        path: Path of a file.

    Returns:
        What :func:`save_checkpoint` was given, or None for other files.
    """
    try:
        run: str | None = _read(path)[_KEY]['run']
    except Exception:  # noqa: BLE001 - damaged files fail by anything
        return None
    return run


def _read(path: Path) -> dict[str, Any]:
    """Content of a checkpoint, if it is whole."""
    # PyTorch takes weights as they are, whatever their checksums say.
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f'{damaged} in it is damaged')
    content: dict[str, Any] = torch.load(path, 'cpu', weights_only=True)
    return content
