# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Files beside a raster that GDAL leaves out without an error."""

import os
from xml.etree import ElementTree

from rasterio.io import DatasetReader


def unread_sidecars(src: DatasetReader) -> list[str]:
    """Find masks and metadata beside a raster that GDAL does not read.

    GDAL opens a raster whose ``.msk`` or ``.aux.xml`` is damaged as if there were none:
    pixels without data become valid, and names, nodata or georeference are lost.

    Args:
        src: Open raster.

    Returns:
        One sentence per file.
    """
    found = []
    mask, metadata = f'{src.name}.msk', f'{src.name}.aux.xml'
    if os.path.isfile(mask) and mask not in src.files:
        found.append(
            f'the mask {mask} cannot be read, so that pixels without data are taken as '
            'valid; make it again, or remove it'
        )
    if os.path.isfile(metadata):
        try:
            ElementTree.parse(metadata)
        except ElementTree.ParseError as error:
            found.append(
                f'the metadata in {metadata} cannot be read ({error}), so that names, '
                'nodata and georeference in it are not known; make it again, or remove '
                'it'
            )
    return found
