# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Loading weights without running code from files."""

import os
from collections.abc import Mapping, Sequence
from pickle import UnpicklingError
from typing import cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ..errors import first_line, some_of


def load_state_dict_file(path: str) -> dict[str, Tensor]:
    """Load a state dict from a file.

    Args:
        path: Path of a safetensors file, or of a PyTorch state dict or checkpoint.

    Returns:
        The state dict.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If the file cannot be read safely.
        TypeError: If it holds something else than a state dict.
    """
    if not os.path.isfile(path):
        msg = f'weights file {path!r} does not exist; give the path of a safetensors '
        msg += 'or PyTorch state dict, or true for the default weights'
        raise FileNotFoundError(msg)
    try:
        if path.endswith('.safetensors'):
            return load_file(path)
        state = torch.load(path, map_location='cpu', weights_only=True)
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError) as error:
        reason = first_line(error)
        msg = f'weights file {path!r} cannot be read ({reason}); '
        msg += 'it may be truncated, get a fresh copy'
        raise ValueError(msg) from None
    except UnpicklingError:
        msg = f'weights file {path!r} is not a plain state dict, and code in files is '
        msg += 'never run; save model.state_dict() as safetensors'
        raise ValueError(msg) from None
    if not isinstance(state, Mapping):
        msg = f'weights file {path!r} holds a {type(state).__name__}, '
        msg += 'not a state dict; save model.state_dict()'
        raise TypeError(msg)
    return dict(cast(Mapping[str, Tensor], state.get('state_dict', state)))


def load_matching(
    module: nn.Module,
    state: Mapping[str, Tensor],
    prefix: str,
    source: str,
    what: str,
    unused: Sequence[str] = (),
) -> None:
    """Load the part of a state dict that is of a module.

    Args:
        module: Module to load into.
        state: State dict, in which names may have the prefix or not.
        prefix: Prefix of the names.
        source: Where it is from, for messages.
        what: What the module is, for messages.
        unused: Beginnings of names that may be missing.

    Raises:
        ValueError: If a tensor is missing or has another shape.
    """
    picked: dict[str, Tensor] = {}
    problems: dict[str, str] = {}
    for name, value in module.state_dict().items():
        found = state.get(f'{prefix}{name}', state.get(name))
        optional = name.startswith(tuple(unused)) and found is None
        if optional or name.endswith('num_batches_tracked'):
            picked[name] = value  # of no use after training
        elif not isinstance(found, Tensor) or found.shape != value.shape:
            shape = tuple(found.shape) if isinstance(found, Tensor) else None
            problem = 'is missing' if shape is None else f'is {shape}'
            expected = f'expected {tuple(value.shape)}'
            problems[f'{prefix}{name}'] = f'{problem}, {expected}'
        else:
            picked[name] = found.to(value.dtype)
    if problems:
        first, *others = problems
        msg = f'weights {source} do not fit {what}: {first} {problems[first]}'
        msg += f'; wrong as well: {some_of(others)}' if others else ''
        raise ValueError(f'{msg}; use weights of {what}')
    module.load_state_dict(picked)
