# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Checks of where maps are to be written."""

from collections.abc import Sequence
from pathlib import Path

from ..datasets import MapGrid


def check_outputs(
    outputs: Sequence[Path], grids: Sequence[MapGrid], folder: str
) -> None:
    """Check that maps overwrite nothing, and make their folder.

    Args:
        outputs: Maps.
        grids: Their grids, which name the inputs.
        folder: Folder of the maps.

    Raises:
        ValueError: If names clash, or the folder cannot be made.
    """
    inputs = {Path(file).resolve() for grid in grids for file in grid.sources}
    taken: set[Path] = set()
    for output in outputs:
        if output.resolve() in inputs or output in taken:
            msg = f'{output} would overwrite an input or the map of another input; '
            msg += 'predict inputs of the same name one by one, each with its own '
            msg += 'output_dir'
            raise ValueError(msg)
        taken.add(output)
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f'output_dir={folder!r} cannot be made ({error}); choose a folder that '
        msg += 'you can write to'
        raise ValueError(msg) from None
