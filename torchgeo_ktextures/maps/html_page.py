# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pages of HTML that need nothing else."""

import base64
import html
import io
import json
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from .output import complete_file

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 1150px;
       padding: 0 1em; color: #222; }
h1 { font-size: 1.5em; overflow-wrap: anywhere; }
h2 { font-size: 1.15em; margin-top: 2em; }
img { max-width: 100%; } td img { width: 96px; height: 96px; image-rendering: pixelated; }
.maps { display: grid; grid-template-columns: repeat(auto-fit, minmax(240px, 1fr));
        gap: 1em; } figure { margin: 0; } figcaption { color: #555; }
.maps img { width: 100%; image-rendering: pixelated; }
table { border-collapse: collapse; } td, th { padding: 4px 10px; text-align: right;
        border-bottom: 1px solid #ddd; } th { color: #555; font-weight: 600; }
.swatch { display: inline-block; width: 1.1em; height: 1.1em; vertical-align: -2px; }
.note { color: #555; }
"""

#: Quality of pictures in a page, of 100.
_QUALITY = 85

#: Most classes that a paletted picture has, beside no class.
MOST_COLORS = 255


def image_address(rgb: npt.NDArray[Any], kind: str = 'png') -> str:
    """Picture as a data address.

    Args:
        rgb: Red, green and blue from 0 to 1, of shape ``(H, W, 3)``.
        kind: 'png', or 'jpeg', which is smaller and not exact.

    Returns:
        A file in base 64.
    """
    from matplotlib.image import imsave

    file = io.BytesIO()
    # Colour at half the resolution would blur textures.
    options = {'quality': _QUALITY, 'subsampling': 0} if kind == 'jpeg' else {}
    values = (rgb * 255).round().astype(np.uint8)
    imsave(file, values, format=kind, pil_kwargs=options)
    return _address(file.getvalue(), kind)


def labels_address(
    labels: npt.NDArray[np.integer], colors: Sequence[Sequence[int]]
) -> str:
    """Picture of labels as a data address, the bytes of which are the labels.

    It is a PNG file of one byte per pixel and no filters, in a single block of data, so
    that a script can have the labels by inflating the block.

    Args:
        labels: Labels of shape ``(H, W)``, negative where there is none.
        colors: Red, green and blue of each class from 0 to 255, at most
            :data:`MOST_COLORS`.

    Returns:
        A PNG file in base 64, transparent where there is no class.
    """
    # https://www.w3.org/TR/png-3/#11Chunks
    height, width = labels.shape
    none = len(colors)
    rows = np.zeros((height, width + 1), np.uint8)
    rows[:, 1:] = np.where(labels < 0, none, labels)
    palette = bytes(value for color in colors for value in color[:3])
    parts = {
        b'IHDR': struct.pack('>IIBBBBB', width, height, 8, 3, 0, 0, 0),
        b'PLTE': palette + bytes(3),
        b'tRNS': bytes([255] * none + [0]),
        b'IDAT': zlib.compress(rows.tobytes(), 9),
        b'IEND': b'',
    }
    data = b'\x89PNG\r\n\x1a\n'
    for name, content in parts.items():
        data += struct.pack('>I', len(content)) + name + content
        data += struct.pack('>I', zlib.crc32(name + content))
    return _address(data, 'png')


def figure_address(fig: Figure) -> str:
    """Figure as a data address.

    Args:
        fig: Figure.

    Returns:
        A PNG file in base 64.
    """
    file = io.BytesIO()
    fig.savefig(file, format='png', dpi=90)
    return _address(file.getvalue(), 'png')


def _address(data: bytes, kind: str) -> str:
    return f'data:image/{kind};base64,{base64.b64encode(data).decode()}'


def as_script(value: Any) -> str:
    """Value as an expression of JavaScript in a page.

    Args:
        value: What JSON can hold.

    Returns:
        JSON in which nothing ends the script.
    """
    return json.dumps(value).replace('<', '\\u003c')


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
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{name}</title><style>{_STYLE}</style>{head}</head>'
        f'<body><h1>{name}</h1>{body}</body></html>\n'
    )
    with complete_file(path) as temporary:
        temporary.write_text(page, encoding='utf-8')
