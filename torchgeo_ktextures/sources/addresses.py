# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What rasters are called: paths, addresses, subdatasets, and names made of them."""

import os
import re
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

#: What waits for the network, unless the user says otherwise: ten seconds for a
#: connection, half a minute for a byte, and two more tries after errors that pass.
#: https://gdal.org/en/stable/user/configoptions.html
LIMITS = {
    'GDAL_HTTP_CONNECTTIMEOUT': '10',
    'GDAL_HTTP_LOW_SPEED_LIMIT': '1',
    'GDAL_HTTP_LOW_SPEED_TIME': '30',
    'GDAL_HTTP_MAX_RETRY': '2',
    'GDAL_HTTP_RETRY_DELAY': '1',
}

#: Tags of a raster that is made of something else: what that is and, of items of
#: catalogs, the names of all assets; and of a band, the name of its asset.
SOURCE_TAG, ASSETS_TAG, ASSET_TAG = (
    'KTEXTURES_SOURCE',
    'KTEXTURES_ASSETS',
    'KTEXTURES_ASSET',
)

#: Schemes of addresses that are files of this machine, or archives of such.
_LOCAL = ('file', 'zip', 'tar', 'gzip')

#: File systems of GDAL that are behind a network.
#: https://gdal.org/en/stable/user/virtual_file_systems.html
_NETWORK = re.compile(
    r'/vsi(curl|s3|gs|az|adls|oss|swift|webhdfs|hdfs)(_streaming)?(?=[/?]|$)'
)

#: What goes on after the address of a file: in a subdataset and in an archive.
_INSIDE = re.compile(r'(\w+:".*)(")(.*)|((?:zip|tar|gzip)\+.*)(!)(.*)')

#: An address of the web within a path of GDAL.
_WEB = re.compile(r'(https?|ftp)://', re.IGNORECASE)


def is_remote(path: str) -> bool:
    """Whether a path is no file or folder of this machine, as far as its form tells.

    Args:
        path: Address, path of a virtual file system of GDAL, or name of a subdataset.

    Returns:
        True for such as ``/vsizip/``, ``s3://`` and ``NETCDF:scene.nc:red``.
    """
    return path.startswith('/vsi') or bool(
        re.match(r'[A-Za-z][A-Za-z0-9_+]{1,}:', path)
    )


def is_network(path: str) -> bool:
    """Whether what a path names is read through a network.

    Args:
        path: Path, address or name of a subdataset.

    Returns:
        True for such as ``https://``, ``s3://`` and ``/vsizip//vsicurl/``.
    """
    scheme = re.match(r'([A-Za-z][A-Za-z0-9_+]+)://', path)
    if scheme is not None:
        return any(part not in _LOCAL for part in scheme[1].lower().split('+'))
    return _NETWORK.search(path) is not None


def vsi_path(address: str) -> str:
    """Name of a raster within a virtual raster.

    Args:
        address: Path or address.

    Returns:
        A path of GDAL.
    """
    scheme, separator, rest = address.partition('://')
    if not separator:
        return address
    if scheme == 'file':
        return unquote(rest)
    known = {'s3': 's3', 'gs': 'gs', 'az': 'az', 'azure': 'az', 'oss': 'oss'}
    if scheme in known:
        return f'/vsi{known[scheme]}/{rest}'
    return f'/vsicurl/{address}' if _WEB.match(address) else address


def limit_waiting() -> None:
    """Keep GDAL from waiting for a network for ever, unless the user decided otherwise.

    The environment is what all threads and processes of workers share.
    """
    for name, value in LIMITS.items():
        os.environ.setdefault(name, value)


def without_secrets(path: str) -> str:
    """Leave out what may be a secret: the query of an address, and who asks.

    Signed addresses let anybody read who knows them, so that they must be in no file
    that is passed on.

    Args:
        path: Path, address or name of a subdataset.

    Returns:
        The same without, such as ``https://host/scene.tif`` for
        ``https://user:word@host/scene.tif?sig=abc``. Paths of this machine stay.
    """
    if not is_network(path) and not _WEB.search(path):
        return path
    wrapped = parse_qs(path.partition('?')[2]).get('url')
    if path.startswith('/vsi') and wrapped:  # /vsicurl?pc_url_signing=yes&url=...
        path = f'/vsicurl/{wrapped[0]}'
    body, quote, rest = path, '', ''
    inside = _INSIDE.fullmatch(path)
    if inside is not None:
        body, quote, rest = (part for part in inside.groups() if part is not None)
    match = _WEB.search(body)
    if match is None:
        found = re.sub(r'\?[^#]*', '', body)
        return found + quote + rest
    address = urlsplit(body[match.start() :])
    plain = address._replace(netloc=address.netloc.rpartition('@')[2], query='')
    return body[: match.start()] + urlunsplit(plain) + quote + rest


def short_name(path: str) -> str:
    """Name of a raster to be shown, without its folder.

    Args:
        path: Path, address or name of a subdataset.

    Returns:
        The name, with its extension and without secrets.
    """
    return Path(without_secrets(path)).name


def raster_name(path: str) -> str:
    """Name of a raster without folder and extension, for the files made of it.

    Args:
        path: Path, address, name of a subdataset, or item of a collection.

    Returns:
        A name that file systems take.
    """
    if '#' in path and is_stac(path):
        return _plain(split_item(path)[1])
    if not is_remote(path):
        return Path(path).stem
    text = without_secrets(path)
    if '"' not in text and (text.startswith('/vsi') or '://' in text):
        return _plain(Path(unquote(text.split('!')[-1].split('?')[0])).stem)
    quoted = re.match(r'\w+:"(.*?)":?(.*)', text)
    parts = list(quoted.groups()) if quoted else text.split(':')[1:]
    return '_'.join(_plain(Path(part).stem) for part in parts if part.strip('/"'))


def _plain(text: str) -> str:
    """Text as the name of a file, whatever is in it."""
    return re.sub(r'[^\w.-]+', '_', text).strip('_') or 'scene'


def is_stac(path: str) -> bool:
    """Whether a path names items of a SpatioTemporal Asset Catalog, by its form.

    Args:
        path: Path or address.

    Returns:
        True for files ``.json`` and ``.geojson``, and for addresses of items and
        searches of an interface of STAC.
    """
    file = path.partition('#')[0]
    if not is_remote(file) or file.startswith(('http://', 'https://')):
        found = urlsplit(file).path if is_remote(file) else file
        if found.lower().endswith(('.json', '.geojson')):
            return True
        return is_remote(file) and bool(
            re.search(r'/(items(/[^/.]+)?|search)/?$', found)
        )
    return False


def split_item(address: str) -> tuple[str, str, dict[str, str]]:
    """Split the address of an item.

    Args:
        address: ``FILE``, ``FILE#ITEM`` or ``FILE#id=ITEM&masks=none``.

    Returns:
        File, identifier of the item, empty for all, and options.

    Raises:
        ValueError: If there is an option that is not known.
    """
    file, _, text = address.partition('#')
    if not re.match(r'(id|masks)=', text):
        return file, unquote(text), {}
    options = {name: values[-1] for name, values in parse_qs(text).items()}
    item = options.pop('id', '')
    if options not in ({}, {'masks': 'none'}):
        msg = f'{address} ends in {text!r}; after #, name an item, as #id=ITEM, or add '
        raise ValueError(msg + '#masks=none to keep clouds')
    return file, item, options
