# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from sklearn.model_selection import GridSearchCV

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.cli import main
from torchgeo_ktextures.clustering.numbers import parse_n_clusters

from .four_regions import agreement, four_regions
from .rasters import write_raster

STEPS: dict[str, Any] = {'max_steps': 5, 'random_state': 0, 'device': 'cpu'}


@pytest.fixture(scope='module')
def chosen() -> KTexturesSegmenter:
    image, _ = four_regions()
    image[:, :4, :7] = np.nan
    return KTexturesSegmenter('3:6', **STEPS).fit(image)


def test_number_is_found(chosen: KTexturesSegmenter) -> None:
    assert chosen.n_clusters_ == 4
    assert chosen.get_params()['n_clusters'] == '3:6'
    table = chosen.selection_
    assert table['n_clusters'] == [3, 4, 5, 6]
    assert all(len(values) == 4 for values in table.values())
    assert all(0 <= value <= 1 for value in table['stability'] + table['persistence'])
    assert agreement(four_regions()[1], chosen.labels_) > 0.9
    # The same as whoever had known the number would have got.
    image, _ = four_regions()
    image[:, :4, :7] = np.nan
    known = KTexturesSegmenter(4, **STEPS).fit(image)
    assert np.array_equal(known.labels_, chosen.labels_)
    assert not hasattr(known, 'selection_')


def test_saved(chosen: KTexturesSegmenter, tmp_path: Path) -> None:
    chosen.save(tmp_path / 'model.ckpt')
    loaded = KTexturesSegmenter.load(tmp_path / 'model.ckpt')
    assert loaded.n_clusters_ == 4
    assert loaded.selection_ == chosen.selection_
    assert np.array_equal(loaded.tree_, chosen.tree_)


def test_models_of_before_the_tree(chosen: KTexturesSegmenter, tmp_path: Path) -> None:
    path = tmp_path / 'model.ckpt'
    chosen.save(path)
    content = torch.load(path, weights_only=True)
    del content['state_dict']['linkage']
    torch.save(content, path)
    assert len(np.unique(KTexturesSegmenter.load(path).cut(2, chosen.labels_))) == 3


def test_cut(chosen: KTexturesSegmenter) -> None:
    finer = chosen.labels_
    assert np.array_equal(chosen.cut(4), finer)
    for k in (3, 2, 1):
        coarser = chosen.cut(k)
        assert np.array_equal(coarser < 0, finer < 0)
        assert len(np.unique(coarser[coarser >= 0])) == k
        changed = np.unique(finer[coarser != finer])
        assert len(changed) == 1  # one class is given up
        finer = coarser
    assert np.array_equal(chosen.cut(2, [chosen.labels_])[0], chosen.cut(2))
    with pytest.raises(ValueError, match='n_clusters=5 .* from 1 to 4'):
        chosen.cut(5)


@pytest.mark.parametrize('init', ['kmeans', 'random'])
def test_trees_of_other_starts(init: str) -> None:
    image, _ = four_regions(48, 48)
    segmenter = KTexturesSegmenter(3, init=init, **STEPS).fit(image)  # type: ignore[arg-type]
    assert len(np.unique(segmenter.cut(2))) <= 2
    assert (segmenter.tree_[:, 2] > 0).all()
    with pytest.raises(ValueError, match=f"init='{init}'.*init='mixture'"):
        KTexturesSegmenter('auto', init=init, **STEPS).fit(image)  # type: ignore[arg-type]


def test_search_of_scikit_learn() -> None:
    # Fewer cells are too few for the likelihood of Gaussians of 20 moments.
    images = [four_regions(96, 96, seed)[0] for seed in range(4)]
    search = GridSearchCV(KTexturesSegmenter(**STEPS), {'n_clusters': [2, 4]}, cv=2)
    search.fit(images)
    assert search.best_params_ == {'n_clusters': 4}
    best = search.best_estimator_
    assert best.score(images) > best.score([image + 1 for image in images])
    part = images[0].copy()
    part[:, 10:] = np.nan
    assert np.isfinite(best.score(part))


@pytest.mark.parametrize(
    ('value', 'number'), [(3, 3), ('7', 7), ('2:4', range(2, 5)), (np.int64(5), 5)]
)
def test_what_may_be_asked_for(value: object, number: object) -> None:
    assert parse_n_clusters(value) == number


@pytest.mark.parametrize(
    'value', [0, 1, -1, 2.5, True, None, 'many', '4:', '5:4', '1:3']
)
def test_what_may_not(value: object) -> None:
    with pytest.raises(ValueError, match=f'n_clusters={value!r}'):
        parse_n_clusters(value)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, _ = four_regions()
    scene = write_raster(tmp_path / 'scene.tif', image, crs='EPSG:32633')
    output = tmp_path / 'maps'
    args = ['segment', str(scene), '--n-clusters', '3:5', '--output', str(output)]
    args += ['--steps', '5', '--device', 'cpu']
    main(args)
    assert 'Chose 4 classes (stability ' in capsys.readouterr().out
    content = json.loads((output / 'selection.json').read_text())
    assert content['chosen'] == 4
    assert content['n_clusters'] == [3, 4, 5]
    coarse = tmp_path / 'coarse.tif'
    labels = output / 'scene_labels.tif'
    main(['merge', str(labels), '--n-clusters', '2', '--output', str(coarse)])
    with rasterio.open(coarse) as dst:
        assert len(np.unique(dst.read(1))) == 2
    main(args)
    assert 'selection.json' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([*args[:3], '4:x', *args[4:]])
    assert "n_clusters='4:x'" in capsys.readouterr().err
