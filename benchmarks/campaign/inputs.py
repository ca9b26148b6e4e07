# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Valid inputs of the commands, to be damaged."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.shutil
import yaml
from rasterio.transform import Affine

from torchgeo_ktextures.checkpoints import run_of
from torchgeo_ktextures.cli import main as command
from torchgeo_ktextures.datasets.survey import Survey, save_survey

NAMES = ('red', 'green', 'blue', 'nir')
GRID: dict[str, Any] = {
    'crs': 'EPSG:32633',
    'transform': Affine(10, 0, 500_000, 0, -10, 5_000_000),
}
QUICK = ('--progress', 'false', '--device', 'cpu')
FIT = ('--n-clusters', '3', '--steps', '2', *QUICK)


@dataclass(frozen=True)
class Case:
    """A kind of input."""

    kind: str
    #: Files and folders that a run gets a copy of.
    files: Sequence[str]
    #: Pattern of the file among them that is damaged.
    target: str
    #: What is done with it, see :mod:`.runs`; repeated where it is to be more frequent.
    commands: Sequence[str]
    #: Raster that is read.
    raster: str = ''
    options: Sequence[str] = ()


def _scene(
    kind: str, target: str = '', files: Sequence[str] = (), fit: int = 1
) -> Case:
    """Case of a scene of four bands; without names these are the first."""
    raster = f'{kind}.vrt' if 'vrt' in kind else f'{kind}.tif'
    several = ('checkpoint',) * 6 + ('two', 'two', 'picture', *['fit'] * fit)
    return Case(kind, (raster, *files), target or raster, several, raster)


_EXPORT = ('named.tif', 'large.tif', 'sure.tif')
_RELABEL = ('labels.tif', 'classes.yaml', 'sure.tif')

CASES = (
    _scene('strips'),
    _scene('tiles'),
    _scene('lzw'),
    _scene('zstd'),
    _scene('float'),
    _scene('xml_vrt', files=['tiles.tif'], fit=0),
    _scene('source_vrt', 'lzw.tif', ['lzw.tif'], fit=0),
    _scene('masked', 'masked.tif.msk', ['masked.tif.msk'], fit=0),
    _scene('pam', 'pam.tif.aux.xml', ['pam.tif.aux.xml'], fit=0),
    Case('png', ['rgb.png', 'rgb.png.aux.xml'], 'rgb.png', ['checkpoint3', 'picture'], 'rgb.png'),
    Case('jp2', ['rgb.jp2', 'rgb.jp2.aux.xml'], 'rgb.jp2', ['checkpoint3', 'picture'], 'rgb.jp2'),
    Case('checkpoint', ['model.ckpt'], 'model.ckpt', ['model'], 'strips.tif'),
    Case('labels', _RELABEL, 'labels.tif', ['relabel'] * 2 + ['clean', 'picture'],
         'labels.tif'),
    Case('confidence', _RELABEL, 'sure.tif', ['clean']),
    Case('legend', _RELABEL, 'classes.yaml', ['relabel'] * 2 + ['clean']),
    Case('geopackage', ['labels.tif', 'points.gpkg'], 'points.gpkg', ['points']),
    Case('geojson', ['labels.tif', 'points.geojson'], 'points.geojson', ['points']),
    Case('named', _EXPORT, 'named.tif', ['export', 'export', 'picture'], 'named.tif'),
    Case('exported', _EXPORT, 'large.tif', ['export']),
    Case('metadata', ['samples'], 'samples/chips/metadata.yaml', ['chips']),
    Case('chip', ['samples'], 'samples/chips/*/*/*.tif', ['chips']),
    Case('earlier', ['earlier'], 'earlier/*.*', ['again']),
    Case('earlier_fit', ['fitted'], 'fitted/[!.]*.*', ['again_fit']),
    Case('kept', ['kept'], 'kept/.*.ckpt', ['again_kept']),
    Case('survey', ['survey.npz'], 'survey.npz', ['survey']),
)  # fmt: skip


def regions(height: int, width: int) -> npt.NDArray[np.uint8]:
    """Four classes, a quarter each, and a corner without any."""
    rows, cols = np.mgrid[:height, :width]
    labels: npt.NDArray[np.uint8]
    labels = (2 * (rows >= height // 2) + (cols >= width // 2)).astype(np.uint8)
    labels[:4, :6] = 255
    return labels


def _bands(labels: npt.NDArray[np.uint8], largest: int = 4000) -> npt.NDArray[Any]:
    rng = np.random.default_rng(0)
    means = np.array([[1, 3, 5, 7], [2, 6, 4, 8], [7, 3, 6, 2], [8, 4, 1, 5]]) / 10
    noise = rng.normal(0, 0.02, (4, *labels.shape))
    data = (means[:, labels % 4] + noise).clip(0.01, 1) * largest
    data[:, labels == 255] = 0
    return data.round()


def write(path: Path, data: npt.NDArray[Any], **profile: Any) -> None:
    """Write a raster."""
    names = profile.pop('names', None)
    profile = {'driver': 'GTiff', **GRID} | profile
    count, height, width = data.shape
    profile |= {'count': count, 'height': height, 'width': width, 'dtype': data.dtype}
    with rasterio.open(path, 'w', **profile) as dst:
        dst.write(data)
        if names:
            dst.descriptions = names


def _write_scenes(folder: Path) -> None:
    labels = regions(40, 48)
    data = _bands(labels).astype(np.uint16)
    named = {'nodata': 0, 'names': NAMES}
    tiled = {'tiled': True, 'blockxsize': 16, 'blockysize': 16}
    write(folder / 'strips.tif', data, blockysize=4, **named)
    write(folder / 'other.tif', data[:, ::-1].copy(), **named)
    write(folder / 'tiles.tif', data, compress='deflate', predictor=2, **tiled, **named)
    write(folder / 'lzw.tif', data, compress='lzw', blockysize=8, nodata=0)
    write(folder / 'zstd.tif', data, compress='zstd', interleave='band', **tiled)
    real = np.where(data, data, np.nan).astype(np.float32)
    write(folder / 'float.tif', real, compress='deflate', predictor=3, names=NAMES)
    for name, source in {'xml_vrt': 'tiles', 'source_vrt': 'lzw'}.items():
        path = folder / f'{name}.vrt'
        with rasterio.open(folder / f'{source}.tif') as src:
            rasterio.shutil.copy(src, path, driver='VRT')
        text = path.read_text().replace(f'{folder}/', '')
        path.write_text(text.replace('relativeToVRT="0"', 'relativeToVRT="1"'))
    write(folder / 'masked.tif', data, compress='deflate', names=NAMES)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False),
        rasterio.open(folder / 'masked.tif', 'r+') as dst,
    ):
        dst.write_mask(labels != 255)
    write(folder / 'pam.tif', data)
    pam = '<PAMDataset>\n'
    for number, name in enumerate(NAMES, 1):
        pam += f'  <PAMRasterBand band="{number}">\n'
        pam += f'    <Description>{name}</Description>\n'
        pam += '    <NoDataValue>0</NoDataValue>\n  </PAMRasterBand>\n'
    (folder / 'pam.tif.aux.xml').write_text(f'{pam}</PAMDataset>\n')
    small = _bands(labels, 255).astype(np.uint8)[:3]
    write(folder / 'rgb.tif', small, nodata=0)
    for driver, suffix in {'PNG': 'png', 'JP2OpenJPEG': 'jp2'}.items():
        more = {'QUALITY': '100', 'REVERSIBLE': 'YES'} if suffix == 'jp2' else {}
        with rasterio.open(folder / 'rgb.tif') as src:
            rasterio.shutil.copy(src, folder / f'rgb.{suffix}', driver=driver, **more)


def _write_points(folder: Path) -> None:
    labels = regions(80, 96)
    rng = np.random.default_rng(0)
    rows, cols = rng.integers(0, 80, 60), rng.integers(0, 96, 60)
    names = np.array(['sea', 'forest', 'city', 'field'])
    t = GRID['transform']
    x, y = t @ (cols + 0.5, rows + 0.5)
    points = gpd.GeoDataFrame(
        {'class': names[labels[rows, cols] % 4]},
        geometry=gpd.points_from_xy(x, y),
        crs=GRID['crs'],
    )
    points.to_file(folder / 'points.gpkg')
    points.to_crs('EPSG:4326').to_file(folder / 'points.geojson')


def make_inputs(folder: Path) -> None:
    """Write valid inputs, and what the commands make of them.

    Args:
        folder: Folder to fill.
    """
    _write_scenes(folder)
    strips, rgb = str(folder / 'strips.tif'), str(folder / 'rgb.tif')
    for name, scene, bands in (('model', strips, ()), ('model3', rgb, ('1,2,3',))):
        options = ['--n-clusters', '4', '--steps', '20', *QUICK]
        options += ['--bands', *bands] if bands else []
        saved = ['--save-checkpoint', str(folder / f'{name}.ckpt')]
        made = folder / f'made_{name}'
        made.mkdir()
        command(['segment', scene, '--output', f'{made}/map.tif', *options, *saved])
    large = _bands(regions(80, 96)).astype(np.uint16)
    write(folder / 'large.tif', large, nodata=0, names=NAMES, compress='deflate')
    applied = ['--checkpoint', str(folder / 'model.ckpt'), *QUICK]
    made = folder / 'made_large'
    made.mkdir()
    made_maps = ['--output', f'{made}/labels.tif', '--confidence', 'true']
    command(['segment', str(folder / 'large.tif'), *made_maps, *applied])
    shutil.copy(made / 'labels.tif', folder)
    shutil.copy(made / 'labels_confidence.tif', folder / 'sure.tif')
    text = (made / 'classes.yaml').read_text()
    for name in ('sea', 'forest', 'sea', 'null'):
        text = text.replace("name: ''\n  color", f'name: {name}\n  color', 1)
    (folder / 'classes.yaml').write_text(text)
    named = ['--classes', f'{folder}/classes.yaml', '--output', f'{folder}/named.tif']
    command(['relabel', f'{folder}/labels.tif', *named])
    _write_points(folder)
    command(export_arguments(folder, folder / 'samples'))
    # What is there when a command is run again.
    for name, options in (('earlier', applied), ('fitted', [*FIT])):
        (folder / name).mkdir()
        output = folder / name / 'map.tif'
        saved = ['--save-checkpoint', f'{folder}/fit.ckpt'] if name == 'fitted' else []
        command(['segment', strips, '--output', str(output), *options, *saved])
    (folder / 'kept').mkdir()
    run = run_of(folder / 'fit.ckpt')
    shutil.copy(folder / 'fit.ckpt', folder / 'kept' / f'.map.{run}.ckpt')
    valid = regions(80, 96) != 255
    sums = large[:, valid].sum(1).astype(np.float64)
    save_survey(folder / 'survey.npz', Survey.of(valid, sums, sums**2))
    _check(folder)


def export_arguments(folder: Path, output: Path) -> list[str]:
    """Arguments that export samples of the inputs in a folder."""
    args = ['export', f'{folder}/named.tif', '--image', f'{folder}/large.tif']
    args += ['--confidence', f'{folder}/sure.tif', '--output', str(output)]
    return [*args, '--chip-size', '16', '--points', '10', '--scale', '1000']


def _check(folder: Path) -> None:
    """Check that the inputs are what they are meant to be."""
    with rasterio.open(folder / 'named.tif') as src:
        names = json.loads(src.tags(1)['CLASS_NAMES'])
    entries = yaml.safe_load((folder / 'classes.yaml').read_text())['classes']
    given = [entry['name'] for entry in entries]
    if names != ['sea', 'forest'] or given != ['sea', 'forest', 'sea', None]:
        raise RuntimeError(f'the legend has names {given}, the map {names}')
