# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The command that draws scenes and maps."""

from collections.abc import Sequence


def picture(rasters: Sequence[str], output: str) -> None:
    """Draw scenes and maps side by side.

    Maps are drawn in their colours, with the names and shares of their classes.

    Args:
        rasters: Maps and scenes. Of scenes, the first three bands are shown.
        output: Picture to write, such as a PNG file.
    """
    from os.path import expanduser
    from pathlib import Path

    from ..maps.picture import draw_rasters

    target = Path(expanduser(output))
    draw_rasters([expanduser(raster) for raster in rasters], target)
    print(f'Written: {target}')
