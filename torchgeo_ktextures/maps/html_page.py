# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pages of HTML that need nothing else."""

import base64
import html
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from .output import complete_file

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 1150px;
       padding: 0 1em; color: #222; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; }
img { max-width: 100%; } td img { width: 96px; height: 96px; image-rendering: pixelated; }
.maps { display: grid; grid-template-columns: repeat(auto-fit, minmax(240px, 1fr));
        gap: 1em; } figure { margin: 0; } figcaption { color: #555; }
.maps img { width: 100%; image-rendering: pixelated; }
table { border-collapse: collapse; } td, th { padding: 4px 10px; text-align: right;
        border-bottom: 1px solid #ddd; } th { color: #555; font-weight: 600; }
.swatch { display: inline-block; width: 1.1em; height: 1.1em; vertical-align: -2px; }
.note { color: #555; }
"""


def image_address(rgb: npt.NDArray[Any]) -> str:
    """Picture as a data address.

    Args:
        rgb: Red, green and blue from 0 to 1, of shape ``(H, W, 3)``.

    Returns:
        A PNG file in base 64.
    """
    from matplotlib.image import imsave

    file = io.BytesIO()
    imsave(file, (rgb * 255).round().astype(np.uint8), format='png')
    return _address(file)


def figure_address(fig: Figure) -> str:
    """Figure as a data address.

    Args:
        fig: Figure.

    Returns:
        A PNG file in base 64.
    """
    file = io.BytesIO()
    fig.savefig(file, format='png', dpi=90)
    return _address(file)


def _address(file: io.BytesIO) -> str:
    return 'data:image/png;base64,' + base64.b64encode(file.getvalue()).decode()


def write_page(path: Path, title: str, body: str, head: str = '') -> None:
    """Write a page.

    Args:
        path: HTML file to write.
        title: Title, as plain text.
        body: What comes after the heading, as HTML.
        head: More for the head of the page, as HTML.

    Raises:
        OSError: If the file cannot be written.
    """
    name = html.escape(title)
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{head}'
        f'<title>{name}</title><style>{_STYLE}</style></head><body><h1>{name}</h1>'
        f'{body}</body></html>\n'
    )
    with complete_file(path) as temporary:
        temporary.write_text(page, encoding='utf-8')
