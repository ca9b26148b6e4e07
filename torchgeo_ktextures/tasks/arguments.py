# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Checks of the arguments of tasks."""

import warnings
from collections.abc import Iterable, Mapping, Sequence

from lightning.pytorch import LightningModule

from ..clustering import Init


def init_of(init: Init, warm_start: bool | None) -> Init:
    """Tell what classes begin with.

    Args:
        init: The argument.
        warm_start: The deprecated one.

    Returns:
        What it is.

    Raises:
        ValueError: If there is no such start.
    """
    if init not in ('mixture', 'kmeans', 'random'):
        raise ValueError(f"init={init!r} must be 'mixture', 'kmeans' or 'random'")
    if warm_start is None:
        return init
    msg = 'warm_start is deprecated: '
    msg += 'leave it out' if warm_start else "use init='random'"
    warnings.warn(msg, DeprecationWarning, stacklevel=2)
    return init if warm_start else 'random'


def group_weights(
    default: Mapping[str, float], weights: Sequence[float] | None
) -> dict[str, float]:
    """Weigh groups of features.

    Args:
        default: Weight that each group has by default.
        weights: Weight of each group, or None.

    Returns:
        Weights by the names of the groups.

    Raises:
        ValueError: If there are more or fewer weights than groups.
    """
    values = list(weights or default.values())
    if len(values) != len(default):
        msg = f'{len(values)} feature_weights for {len(default)} features '
        msg += f'({", ".join(default)}); give one weight per feature group'
        raise ValueError(msg)
    return dict(zip(default, values))


def with_backbone(names: Iterable[str], backbone: str | None) -> list[str]:
    """Let the features of a backbone tell classes, if it is named.

    Args:
        names: Names of groups of features.
        backbone: Backbone, or None.

    Returns:
        The names, with its last layer if they name no layer of it.
    """
    groups = list(names)
    if backbone and not any(n.startswith(('backbone', 'keras_')) for n in groups):
        groups.append('backbone')
    return groups


def require_weights(
    names: Iterable[str], weights: object, what: str | None = None
) -> None:
    """Check that VGG-16 has weights, if there are groups of its features.

    Args:
        names: Names of the groups.
        weights: Weights that were given, if any.
        what: What needs the weights (defaults to the first such group).

    Raises:
        ValueError: If there are none.
    """
    vgg = [name for name in names if name.startswith('vgg16_')]
    if vgg and not weights:
        msg = f'{what or vgg[0]} needs weights; set weights to true (downloads the '
        msg += 'ImageNet weights) or to the path of a VGG-16 state dict'
        raise ValueError(msg)


def require_fit(task: LightningModule) -> None:
    """Check that a task is being fitted, which prepares its training steps.

    Args:
        task: Task.

    Raises:
        RuntimeError: If it is not.
    """
    try:
        fitting = task.trainer.training
    except RuntimeError:  # it has no trainer
        fitting = False
    if not fitting:
        msg = f'{type(task).__name__}.training_step works inside of Trainer.fit only, '
        msg += 'which estimates statistics of the data first; call '
        raise RuntimeError(f'{msg}Trainer(max_epochs=1).fit(task, data)')
