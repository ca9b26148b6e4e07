# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import runpy
from pathlib import Path

import pytest
import rasterio

from ..four_regions import agreement, four_regions
from ..sources.items import clouds, write_item, write_items

EXAMPLE = Path(__file__).parents[2] / 'examples' / 'stac_items.py'


def test_stac_items(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cover = {'clear': 3.0, 'hazy': 12.0, 'cloudy': 90.0}
    written = [
        write_item(tmp_path, name, seed, **{'eo:cloud_cover': percent})
        for seed, (name, percent) in enumerate(cover.items())
    ]
    items = write_items(tmp_path / 'items.json', *written)
    main = runpy.run_path(str(EXAMPLE))['main']
    main([
        str(items), '--output', str(tmp_path / 'maps'), '--n-clusters', '4', '--steps',
        '6',
    ])  # fmt: skip
    assert '2 clear items' in capsys.readouterr().out
    maps = sorted((tmp_path / 'maps').glob('*.tif'))
    assert [path.name for path in maps] == ['clear_labels.tif', 'hazy_labels.tif']
    for path in maps:
        with rasterio.open(path) as src:
            labels = src.read(1)
            assert src.transform.a == 10
        masked = clouds()[0].repeat(2, 0).repeat(2, 1)
        assert (labels[masked == 9] == 255).all()
        assert agreement(four_regions()[1], labels, labels != 255) > 0.9
