# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from torchgeo_ktextures.cli import main
from torchgeo_ktextures.maps.class_tree import cut_tree
from torchgeo_ktextures.maps.merging import TREE_TAG, merge_map, tree_tag

from ..label_maps import regions, write_labels

#: 3 merges into 1, then 0 into both, then 2.
LINKAGE = [[1, 3, 0.1, 2], [4, 0, 0.2, 3], [2, 5, 0.4, 4]]


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = write_labels(tmp_path / 'labels.tif', regions())
    with rasterio.open(path, 'r+') as dst:
        dst.update_tags(**tree_tag(LINKAGE), KTEXTURES_ORIGIN='x', KTEXTURES_MODEL='m')
        dst.update_tags(1, KTEXTURES_CLASSES='{}', STATISTICS_MEAN='1', other='kept')
    return path


def test_cut_tree() -> None:
    assert cut_tree(LINKAGE, 4).tolist() == [0, 1, 2, 3]
    assert cut_tree(LINKAGE, 3).tolist() == [0, 1, 2, 1]
    assert cut_tree(LINKAGE, 2).tolist() == [1, 1, 2, 1]
    assert cut_tree(LINKAGE, 1).tolist() == [2, 2, 2, 2]
    assert cut_tree([], 1).tolist() == [0]
    for number in (0, 5):
        with pytest.raises(ValueError, match=f'n_clusters={number} .* from 1 to 4'):
            cut_tree(LINKAGE, number)


def test_merge(labels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = labels.with_name('coarse.tif')
    args = [str(labels), '--n-clusters', '2', '--output', str(output)]
    main(['merge', *args])
    out = capsys.readouterr().out
    assert '0, 1, 3' in out
    assert str(output) in out
    with rasterio.open(labels) as src, rasterio.open(output) as dst:
        before, after = src.read(1), dst.read(1)
        assert np.array_equal(after, np.array([1, 1, 2, 1, 255])[before.clip(max=4)])
        assert (dst.crs, dst.transform, dst.nodata) == (
            *(src.crs, src.transform, src.nodata),
        )
        assert dst.colormap(1)[2] == src.colormap(1)[2]
        tags = dst.tags()
        assert 'KTEXTURES_ORIGIN' not in tags  # it is not the map that was predicted
        assert tags['KTEXTURES_MODEL'] == 'm'  # but names of clusters mean the same
        assert 'KTEXTURES_CLASSES' not in dst.tags(1)
        assert dst.tags(1)['other'] == 'kept'
        assert dst.overviews(1) == src.overviews(1)


def test_merge_again(labels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    once, twice = (labels.with_name(f'{n}.tif') for n in (3, 2))
    found = merge_map(labels, once, 3)
    assert [(c.code, c.parts) for c in found] == [(0, (0,)), (1, (1, 3)), (2, (2,))]
    merge_map(once, twice, 2)
    merge_map(labels, labels.with_name('at_once.tif'), 2)
    with rasterio.open(twice) as a, rasterio.open(labels.with_name('at_once.tif')) as b:
        assert np.array_equal(a.read(1), b.read(1))
    args = ['merge', str(twice), '--n-clusters', '3', '--output', str(once)]
    with pytest.raises(SystemExit) as error:
        main(args)
    assert error.value.code == 2
    assert 'n_clusters=3 is not possible' in capsys.readouterr().err


def test_maps_that_cannot_be_merged(labels: Path) -> None:
    output = labels.with_name('coarse.tif')
    with pytest.raises(ValueError, match='overwrite'):
        merge_map(labels, labels, 2)
    with pytest.raises(ValueError, match='ends in'):
        merge_map(labels, labels.with_name('coarse.png'), 2)
    plain = write_labels(labels.with_name('plain.tif'), regions())
    with pytest.raises(ValueError, match=r'plain.tif does not tell .* segment'):
        merge_map(plain, output, 2)
    for damaged in (
        '[',
        '{}',
        json.dumps({'linkage': [[9, 9, 0, 9]], 'n_clusters': 1}),
    ):
        with rasterio.open(plain, 'r+') as dst:
            dst.update_tags(**{TREE_TAG: damaged})
        with pytest.raises(ValueError, match='does not tell'):
            merge_map(plain, output, 1)
    assert not output.exists()


def test_output_that_nobody_reads(labels: Path) -> None:
    output = labels.with_name('coarse.tif')
    args = ['merge', str(labels), '--n-clusters', '2', '--output', str(output)]
    command = [sys.executable, '-u', '-m', 'torchgeo_ktextures.cli', *args]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        command, stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert done.stderr == ''
    assert done.returncode == 1
