# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Devices by the names that Lightning has for them."""

import torch


def find_device(name: str) -> torch.device:
    """Find a device.

    Args:
        name: 'auto', or name of an accelerator of Lightning, as ``cpu``, or of one of
            several devices, as ``cuda:1``.

    Returns:
        The device.

    Raises:
        ValueError: If there is no such device.
    """
    kind = name
    if name == 'auto':
        kind = 'cuda' if torch.cuda.is_available() else 'cpu'
        kind = 'mps' if torch.backends.mps.is_available() else kind
    if kind == 'cpu':
        return torch.device('cpu')
    if kind == 'cuda' and torch.cuda.is_available():
        return torch.device('cuda', 0)
    # Lightning takes long to load; it knows the others, and says what is wrong.
    from .trainer import make_trainer

    return make_trainer(kind).strategy.root_device
