# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Lightning's trainer, as the estimator and the command use it."""

import ctypes
import gc
import logging
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, TQDMProgressBar

from .errors import first_line


class _Progress(TQDMProgressBar):
    """Progress bar of training by steps: epochs mean nothing there."""

    def on_train_epoch_start(self, trainer: Trainer, *args: Any) -> None:
        """Say what is done.

        Args:
            trainer: Trainer.
            *args: Passed on.
        """
        super().on_train_epoch_start(trainer, *args)
        self.train_progress_bar.set_description('Fitting')


def make_trainer(
    device: str,
    verbose: bool = False,
    callbacks: Sequence[Callback] = (),
    max_steps: int = -1,
) -> Trainer:
    """Make a trainer that leaves no files.

    Args:
        device: Name of an accelerator of Lightning, as ``cpu``, or of one of several
            devices, as ``cuda:1``.
        verbose: Whether to show progress, if that is a terminal.
        callbacks: Callbacks.
        max_steps: Number of training steps.

    Returns:
        The trainer.

    Raises:
        ValueError: If there is no such device.
    """
    accelerator, _, index = device.partition(':')
    # Bars rewrite their line, which files of logs do not take.
    shown = verbose and sys.stdout.isatty()
    try:
        with quiet(False):
            return Trainer(
                accelerator=accelerator,
                devices=[int(index)] if index else 1,
                max_steps=max_steps,
                callbacks=[*callbacks, *([_Progress()] if shown else [])],
                logger=False,
                log_every_n_steps=1,
                enable_checkpointing=False,
                enable_model_summary=False,
                enable_progress_bar=shown,
                num_sanity_val_steps=0,
                limit_val_batches=0,
            )
    except (MisconfigurationException, RuntimeError, ValueError) as error:
        reason = first_line(error)
        msg = f"device={device!r} is not available ({reason}); use 'auto' or 'cpu'"
        raise ValueError(msg) from None


@contextmanager
def quiet(verbose: bool) -> Iterator[None]:
    """Keep what Lightning says about itself from users who did not ask for it.

    Args:
        verbose: Whether to let warnings through.
    """
    logger = logging.getLogger('lightning.pytorch')
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        if not verbose:
            warnings.filterwarnings('ignore', module='lightning')
        warnings.filterwarnings('ignore', message='.*does not have many workers.*')
        try:
            yield
        finally:
            logger.setLevel(level)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C be a KeyboardInterrupt, of which Lightning makes an exit.

    It also has the next ones ignored, as long as the process lives.
    """
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, handler)
        raise error.__context__ from None


def release_memory() -> None:
    """Give memory that training used back to the system, where that is possible."""
    gc.collect()
    if sys.platform == 'linux':
        # The allocator of glibc keeps freed blocks; other C libraries have no such call.
        trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
        if trim is not None:
            trim(0)
