# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Scale and offset tags of rasters."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import yaml

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.cli import main
from torchgeo_ktextures.commands.export import export
from torchgeo_ktextures.datamodules import RasterDataModule, TrainingChipsDataModule
from torchgeo_ktextures.datamodules.inputs import Inputs
from torchgeo_ktextures.datasets import PixelWindow, RasterWindows
from torchgeo_ktextures.datasets.units import Units, describe_units
from torchgeo_ktextures.errors import DataWarning

from ..four_regions import four_regions
from ..label_maps import UTM
from ..rasters import write_raster

NAMES = ('red', 'green', 'blue', 'nir')


def write(path: Path, scale: float = 0.5, offset: float = -3) -> Path:
    bands, _ = four_regions()
    data = (bands * 10_000).astype(np.uint16)
    write_raster(path, data, **UTM, nodata=0, names=NAMES)
    with rasterio.open(path, 'r+') as dst:
        dst.scales, dst.offsets = (scale,) * 4, (offset,) * 4
    return path


def test_tags_are_applied_or_not(tmp_path: Path) -> None:
    path = write(tmp_path / 'a.tif')
    with rasterio.open(path) as src:
        numbers = src.read().astype(float)
    for options, expected in (
        ({}, numbers * 0.5 - 3),
        ({'ignore_scale': True}, numbers),
        ({'scale': 100}, numbers / 100),
        ({'scale': 100, 'ignore_scale': True}, numbers / 100),
    ):
        image, _ = RasterWindows(path, **options).read(0, None)  # type: ignore[arg-type]
        np.testing.assert_allclose(image, expected, rtol=1e-6)
        data = RasterDataModule(str(path), patch_size=32, **options)  # type: ignore[arg-type]
        data.setup('predict')
        read = data.predict_dataset[PixelWindow(0, *(0, 0, 96, 96) * 2)]['image']
        np.testing.assert_allclose(read, expected, rtol=1e-6)


def test_arrays(tmp_path: Path) -> None:
    xr = pytest.importorskip('xarray')
    array = xr.DataArray(
        np.full((4, 8, 8), 7, np.uint16),
        dims=('band', 'y', 'x'),
        attrs={'scale_factor': 0.5, 'add_offset': -3},
    )
    for ignore, value in ((False, 0.5), (True, 7)):
        data = Inputs(array, ignore_scale=ignore).data
        data.setup('predict')
        window = PixelWindow(0, *(0, 0, 8, 8) * 2)
        assert (data.predict_dataset[window]['image'] == value).all()


def test_different_tags(tmp_path: Path) -> None:
    paths = [write(tmp_path / 'a.tif'), write(tmp_path / 'b.tif', 1, 0)]
    with pytest.warns(
        DataWarning, match=r'a.tif has scale .* but .*b.tif has none, so'
    ):
        RasterWindows(paths)
    # Units are known if they are asked for, or if both have tags.
    RasterWindows(paths, scale=10_000)
    RasterWindows(paths, ignore_scale=True)
    RasterWindows([paths[0], write(tmp_path / 'c.tif', 0.25, 0)])


def test_words() -> None:
    same, other = Units((1e-4,) * 2, (-0.1,) * 2), Units((2.0, 0.5), (0.0, 3.0))
    plain = Units((1.0, 1.0), (0.0, 0.0))
    text = 'digital numbers x 0.0001 - 0.1, by the tags of the files'
    assert describe_units([same, same]) == text
    assert describe_units([plain, other]) == (
        'digital numbers x 2, x 0.5 + 3, by the tags of the files'
    )
    assert describe_units([same], ignore=True) == (
        'digital numbers; the scale and offset tags of the files are ignored'
    )
    assert describe_units([same], scale=10_000) == 'digital numbers / 10000'
    assert describe_units([plain]) is None


def test_segment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, model = write(tmp_path / 'a.tif'), tmp_path / 'model.ckpt'
    common = ['--device', 'cpu', '--report', str(tmp_path / 'report.html')]
    main([
        'segment', str(path), '--output', str(tmp_path / 'b.tif'), '--n-clusters', '4',
        '--steps', '6', '--ignore-scale', '--save-checkpoint', str(model), *common,
    ])  # fmt: skip
    ignored = 'the scale and offset tags of the files are ignored'
    assert ignored in capsys.readouterr().out
    assert ignored in (tmp_path / 'report.html').read_text()
    # The model goes on as it was fitted.
    assert KTexturesSegmenter.load(model).ignore_scale
    output = str(tmp_path / 'c.tif')
    main(['segment', str(path), '--output', output, '--checkpoint', str(model)])
    printed = capsys.readouterr()
    assert ignored in printed.out
    assert 'warning' not in printed.err
    with rasterio.open(tmp_path / 'b.tif') as one, rasterio.open(output) as two:
        assert (one.read() == two.read()).all()


def test_export(tmp_path: Path, named: Path) -> None:
    scene = tmp_path / 'scene.tif'
    scene.write_bytes((named / 'scene.tif').read_bytes())
    with rasterio.open(scene, 'r+') as dst:
        dst.scales, dst.offsets = (0.5,) * dst.count, (-3,) * dst.count
    means: list[Any] = []
    for ignore in (False, True):
        folder = tmp_path / str(ignore)
        export(
            str(named / 'named.tif'),
            str(scene),
            str(folder),
            ignore_scale=ignore,
            chip_size=32,
            points=1,
        )
        chip = next((folder / 'chips' / 'train' / 'images').iterdir())
        with rasterio.open(chip) as src:
            assert src.scales[0] == (1 if ignore else 0.5)
        content = yaml.safe_load((folder / 'chips' / 'metadata.yaml').read_text())
        means.append(np.array(content['statistics']['mean']))
        # What is predicted later is read as the chips were.
        assert TrainingChipsDataModule(str(folder / 'chips')).ignore_scale is ignore
    np.testing.assert_allclose(means[0], means[1] * 0.5 - 3)
