# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Virtual rasters: bands of several rasters on one grid, of which nothing is copied."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from xml.etree import ElementTree as ET

from rasterio.crs import CRS
from rasterio.dtypes import dtype_rev, typename_fwd
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader
from rasterio.transform import Affine

from .addresses import vsi_path


@dataclass(frozen=True)
class BandHeader:
    """What a raster says of one of its bands."""

    name: str | None
    dtype: str
    nodata: float | None
    scale: float
    offset: float
    color: ColorInterp = ColorInterp.undefined
    #: What says where it is valid, as GDAL names the band, if something does.
    mask: str | None = None

    @property
    def is_alpha(self) -> bool:
        """Whether it is no data. GDAL takes any fourth band of 8 bits for alpha."""
        named = self.name is not None and 'alpha' not in self.name.lower()
        return self.color == ColorInterp.alpha and not named


@dataclass(frozen=True)
class Header:
    """What a raster says of itself."""

    path: str
    crs: CRS | None
    transform: Affine
    height: int
    width: int
    bands: Sequence[BandHeader]

    @classmethod
    def of(cls, src: DatasetReader, path: str) -> 'Header':
        """Read what a raster says of itself.

        Args:
            src: Open raster.
            path: Its path or address.

        Returns:
            The header.
        """
        bands = [
            BandHeader(
                src.descriptions[i],
                src.dtypes[i],
                src.nodatavals[i],
                src.scales[i],
                src.offsets[i],
                src.colorinterp[i],
                f'mask,{i + 1}' if _has_mask(src, i) else None,
            )
            for i in range(src.count)
        ]
        alpha = next((str(i) for i, b in enumerate(bands, 1) if b.is_alpha), None)
        if alpha is not None:
            bands = [replace(band, mask=band.mask or alpha) for band in bands]
        return cls(path, src.crs, src.transform, src.height, src.width, bands)


def _has_mask(src: DatasetReader, band: int) -> bool:
    """Whether a raster has a mask, which is no alpha band."""
    flags = src.mask_flag_enums[band]
    return MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags


@dataclass(frozen=True)
class VirtualBand:
    """A band of a virtual raster, and the one it is made of."""

    #: Its name, if it has one.
    name: str | None
    source: Header
    #: 1-based number of the band there.
    index: int = 1
    nodata: float | None = None
    scale: float = 1
    offset: float = 0
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ValidValues:
    """A band that tells by its value which pixels are valid."""

    source: Header
    #: 1-based number of the band.
    index: int
    #: Values that are, in ascending order.
    values: Sequence[int]


def write_virtual(
    grid: Header,
    bands: Sequence[VirtualBand],
    valid: ValidValues | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Write a virtual raster.

    Bands of other pixels than those of the grid get the value of the nearest pixel.
    All are in one coordinate reference system, and none is rotated against the others.

    Args:
        grid: Raster of which it has the pixels.
        bands: Its bands.
        valid: What tells valid pixels; becomes an alpha band, the last one.
        tags: Tags of the raster.

    Returns:
        XML of GDAL's format VRT.
    """
    root = ET.Element(
        'VRTDataset', rasterXSize=str(grid.width), rasterYSize=str(grid.height)
    )
    if grid.crs is not None:
        ET.SubElement(root, 'SRS').text = grid.crs.to_wkt()
    if not grid.transform.is_identity:
        numbers = ', '.join(map(repr, grid.transform.to_gdal()))
        ET.SubElement(root, 'GeoTransform').text = numbers
    _add_tags(root, tags or {})
    for number, band in enumerate(bands, 1):
        header = band.source.bands[band.index - 1]
        kind = typename_fwd[dtype_rev[header.dtype]]
        element = _add_band(root, number, kind, band.name)
        _add_tags(element, band.tags)
        ET.SubElement(element, 'ColorInterp').text = header.color.name.capitalize()
        if band.nodata is not None:
            ET.SubElement(element, 'NoDataValue').text = repr(float(band.nodata))
        for name, value, default in (
            ('Offset', band.offset, 0),
            ('Scale', band.scale, 1),
        ):
            if value != default:
                ET.SubElement(element, name).text = repr(float(value))
        _add_source(element, 'SimpleSource', grid, band.source, str(band.index))
        if header.mask is not None:
            mask = ET.SubElement(element, 'MaskBand')
            inner = ET.SubElement(mask, 'VRTRasterBand', dataType='Byte')
            _add_source(inner, 'SimpleSource', grid, band.source, header.mask)
    if valid is not None:
        element = _add_band(root, len(bands) + 1, 'Byte', 'alpha')
        ET.SubElement(element, 'ColorInterp').text = 'Alpha'
        source = _add_source(
            element, 'ComplexSource', grid, valid.source, str(valid.index)
        )
        ET.SubElement(source, 'LUT').text = _lookup(valid.values)
    return ET.tostring(root, 'unicode')


def _add_band(root: ET.Element, number: int, kind: str, name: str | None) -> ET.Element:
    element = ET.SubElement(root, 'VRTRasterBand', dataType=kind, band=str(number))
    if name:
        ET.SubElement(element, 'Description').text = name
    return element


def _add_tags(element: ET.Element, tags: Mapping[str, str]) -> None:
    if tags:
        metadata = ET.SubElement(element, 'Metadata')
        for key, value in tags.items():
            ET.SubElement(metadata, 'MDI', key=key).text = value


def _add_source(
    element: ET.Element, kind: str, grid: Header, header: Header, band: str
) -> ET.Element:
    """Place the pixels of a band on the grid."""
    source = ET.SubElement(element, kind)
    name = ET.SubElement(source, 'SourceFilename', relativeToVRT='0')
    name.text = vsi_path(header.path)
    ET.SubElement(source, 'SourceBand').text = band
    whole = {'xOff': 0, 'yOff': 0, 'xSize': header.width, 'ySize': header.height}
    a, b = grid.transform, header.transform
    placed = {
        'xOff': (b.c - a.c) / a.a,
        'yOff': (b.f - a.f) / a.e,
        'xSize': header.width * b.a / a.a,
        'ySize': header.height * b.e / a.e,
    }
    for what, places in (('SrcRect', whole), ('DstRect', placed)):
        # Grids of one item differ by what is lost when numbers are rounded.
        texts = {key: repr(round(float(v), 6)) for key, v in places.items()}
        ET.SubElement(source, what, texts)
    return source


def _lookup(values: Sequence[int]) -> str:
    """Table of GDAL, which interpolates: 255 for values that are valid, else 0."""
    known = sorted({v + step for v in values for step in (-1, 0, 1)})
    some = set(values)
    return ','.join(f'{v}:{255 if v in some else 0}' for v in known)
