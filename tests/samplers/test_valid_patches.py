# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import shapely
from torch.utils.data import DataLoader
from torchgeo.datasets import stack_samples
from torchgeo.samplers import RandomTimestampSampler, SequentialTimestampSampler

from tests.planet import (
    MONTHLY,
    SCENE,
    udm2_classes,
    write_planet_scene,
    write_quad,
    write_udm2,
)
from torchgeo_ktextures.datasets import Olinda, PlanetBasemap, PlanetScope
from torchgeo_ktextures.samplers import ValidPatchSampler

JULY = MONTHLY.replace('06', '07')


def offsets(
    ds: PlanetBasemap | PlanetScope, patches: list[tuple[slice, slice]]
) -> npt.NDArray[np.int64]:
    left, _, _, top = ds.index.total_bounds
    values = [
        ((top - y.stop) / ds.res[1], (x.start - left) / ds.res[0]) for x, y in patches
    ]
    found = np.array(values)
    assert np.abs(found - found.round()).max() < 1e-3
    rounded: npt.NDArray[np.int64] = found.round().astype(int)
    return rounded


@pytest.fixture
def holed(tmp_path: Path) -> PlanetBasemap:
    """A quad with a lower right corner that is invalid, and a stripe."""
    path = write_quad(
        tmp_path / MONTHLY, size=320, invalid=(slice(150, 320), slice(130, 320))
    )
    import rasterio

    with rasterio.open(path, 'r+') as dst:
        data = dst.read()
        data[:, 40:44, 100:] = 0
        dst.write(data)
    return PlanetBasemap(tmp_path)


@pytest.mark.parametrize('min_valid', [0.5, 0.9, 1.0])
def test_ten_thousand_draws(holed: PlanetBasemap, min_valid: float) -> None:
    sampler = ValidPatchSampler(holed, size=48, length=10_000, min_valid=min_valid)
    patches = list(sampler)
    assert len(patches) == len(sampler) == 10_000
    found = offsets(holed, patches)
    valid = holed[holed.bounds]['mask_valid'][0].numpy()
    sums = np.pad(valid.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    row, col = found.T
    share = (
        sums[row + 48, col + 48]
        - sums[row, col + 48]
        - sums[row + 48, col]
        + sums[row, col]
    ) / 48**2
    assert share.min() >= min_valid
    # all borders are reached, and often
    assert found.min() == 0
    assert (found == 0).mean(0).min() > 0.02
    assert (found == 320 - 48).any(0).all()
    # no place that fits is out of reach: every pixel in such a patch is drawn
    hit = np.zeros((320, 320), int)
    fits = np.zeros((320, 320), bool)
    for r, c in found:
        hit[r : r + 48, c : c + 48] += 1
    for r in range(273):
        for c in range(273):
            n = sums[r + 48, c + 48] - sums[r, c + 48] - sums[r + 48, c] + sums[r, c]
            if n >= min_valid * 48**2:
                fits[r : r + 48, c : c + 48] = True
    assert (hit > 0)[fits].mean() > 0.999
    assert not (hit > 0)[~fits].any()


def test_centres_are_uniform(tmp_path: Path) -> None:
    write_quad(tmp_path / MONTHLY, size=256)
    ds = PlanetBasemap(tmp_path)
    found = offsets(ds, list(ValidPatchSampler(ds, size=64, length=8000)))
    inner = found[((found > 0) & (found < 192)).all(1)]
    counts = np.histogram2d(*inner.T, bins=4, range=[[1, 192], [1, 192]])[0]
    assert counts.min() > 0.85 * counts.mean()
    assert counts.max() < 1.15 * counts.mean()
    # borders get the centres beyond the last place
    assert abs((found[:, 0] == 0).mean() - 33 / 256) < 0.02
    assert abs((found[:, 1] == 192).mean() - 32 / 256) < 0.02


def test_few_places(tmp_path: Path) -> None:
    """One of 40,000 places fits, and it is found."""
    path = write_quad(tmp_path / MONTHLY, size=256)
    import rasterio

    with rasterio.open(path, 'r+') as dst:
        data = dst.read()
        keep = np.zeros((256, 256), bool)
        keep[37 : 37 + 50, 111 : 111 + 50] = True
        # elsewhere a chessboard: half of all
        keep |= np.indices((256, 256)).sum(0) % 2 == 0
        data[:, ~keep] = 0
        dst.write(data)
    ds = PlanetBasemap(tmp_path)
    for balance in ('area', 'files'):
        sampler = ValidPatchSampler(
            ds,
            size=50,
            length=5,
            min_valid=1,
            balance=balance,  # type: ignore[arg-type]
        )
        assert offsets(ds, list(sampler)).tolist() == [[37, 111]] * 5


def test_no_patch_fits(holed: PlanetBasemap, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'321 x 321.*320 x 320.*smaller size'):
        ValidPatchSampler(holed, size=321)
    with pytest.raises(ValueError, match=r'300 x 300 pixels has 100% valid'):
        ValidPatchSampler(holed, size=300, min_valid=1)
    outside = shapely.box(0, 0, 1, 1)
    with pytest.raises(ValueError, match='inside the region of interest'):
        ValidPatchSampler(holed, size=32, roi=outside)
    # the whole file is one patch
    assert len(list(ValidPatchSampler(holed, size=320, min_valid=0.1, length=3))) == 3


def test_balance(tmp_path: Path) -> None:
    write_quad(tmp_path / MONTHLY, 632, 1107, size=256)
    write_quad(
        tmp_path / MONTHLY, 640, 1107, size=256, invalid=(slice(64, 256), slice(0, 256))
    )
    ds = PlanetBasemap(tmp_path)
    for balance, expected in (('files', 0.5), ('area', 0.2)):
        sampler = ValidPatchSampler(
            ds,
            size=32,
            length=2000,
            min_valid=1,
            balance=balance,  # type: ignore[arg-type]
        )
        x = np.array([x.start for x, _ in sampler])
        right = (x > ds.index.total_bounds[[0, 2]].mean()).mean()
        assert abs(right - expected) < 0.04


def test_region_of_interest(holed: PlanetBasemap) -> None:
    left, _, _, top = holed.index.total_bounds
    res = holed.res[0]
    roi = shapely.box(left + 100 * res, top - 90 * res, left + 170 * res, top)
    roi |= shapely.box(left, top - 320 * res, left + 64 * res, top - 200 * res)
    sampler = ValidPatchSampler(holed, size=48, length=1500, roi=roi, min_valid=0.5)
    found = offsets(holed, list(sampler))
    upper = found[:, 0] < 100
    assert 0.1 < upper.mean() < 0.9
    assert found[upper].min(0).tolist() == [0, 100]
    assert found[upper].max(0).tolist() == [42, 122]
    assert found[~upper].min(0).tolist() == [200, 0]
    assert found[~upper].max(0).tolist() == [272, 16]


def test_seeds_and_epochs(holed: PlanetBasemap) -> None:
    one, same, other = (
        ValidPatchSampler(holed, size=48, length=20, seed=seed) for seed in (1, 1, 2)
    )
    first, second = list(one), list(one)
    assert first != second
    assert list(same) == first
    assert list(same) == second
    assert list(other) != first
    one.set_epoch(0)
    assert list(one) == first


def test_workers_see_the_same_patches(holed: PlanetBasemap) -> None:
    batches = []
    for workers in (0, 2):
        loader = DataLoader(
            holed,
            batch_size=4,
            sampler=ValidPatchSampler(holed, size=48, length=12),
            num_workers=workers,
            collate_fn=stack_samples,
        )
        batches.append([batch['image'] for batch in loader])
    assert all((a == b).all() for a, b in zip(*batches, strict=True))


def test_udm2(tmp_path: Path) -> None:
    write_planet_scene(tmp_path, f'{SCENE}.tif', height=90, width=600)
    name = '20210613_101234_56_2413_3B_udm2.tif'
    write_udm2(tmp_path, name, height=90, width=600)
    ds = PlanetScope(tmp_path, valid_classes=('snow',))
    sampler = ValidPatchSampler(ds, size=64, length=50, min_valid=0.9)
    columns = np.flatnonzero(udm2_classes(1, 600)[0] == 1)
    found = offsets(ds, list(sampler))
    assert found[:, 1].min() >= columns[0] - 6
    assert found[:, 1].max() + 64 <= columns[-1] + 1 + 7


def test_dates(tmp_path: Path) -> None:
    """In June only the upper half is valid, in July only the lower half."""
    half = slice(0, 256)
    write_quad(tmp_path / MONTHLY, size=256, invalid=(slice(128, 256), half))
    write_quad(tmp_path / JULY, size=256, invalid=(slice(0, 128), half))
    write_quad(tmp_path / JULY, 633, 1107, size=256)
    ds = PlanetBasemap(tmp_path)
    sampler = ValidPatchSampler(ds, size=64, length=100, min_valid=0.9)
    times = sampler @ RandomTimestampSampler(ds, generator=0)
    items = list(times)
    assert len(items) == len(times) == 100
    assert all(ds[item]['mask_valid'].mean() >= 0.9 for item in items)
    months = Counter(t.start.month for _, _, t in items)
    assert months[6] > 10
    assert months[7] > 10
    sequential = sampler @ SequentialTimestampSampler(ds)
    assert all(ds[item]['mask_valid'].mean() >= 0.9 for item in sequential)
    toi = pd.Interval(pd.Timestamp('2021-06-02'), pd.Timestamp('2021-06-05'))
    june = list(sampler @ RandomTimestampSampler(ds, toi=toi, generator=0))
    assert {t.start.month for _, _, t in june} == {6}
    toi = pd.Interval(pd.Timestamp('2021-07-02'), pd.Timestamp('2021-07-05'))
    left = shapely.box(*ds.index.geometry.iloc[0].bounds)
    top = shapely.box(*left.bounds[:1], left.centroid.y, *left.bounds[2:])
    nowhere = ValidPatchSampler(ds, size=64, length=2, min_valid=0.9, roi=top)
    with pytest.raises(ValueError, match='at the times of the temporal sampler'):
        list(nowhere @ RandomTimestampSampler(ds, toi=toi, generator=0))


def test_plot(holed: PlanetBasemap, tmp_path: Path) -> None:
    sampler = ValidPatchSampler(holed, size=48, length=4)
    sampler.plot().save(tmp_path / 'patches.gif', writer='pillow')
    both = sampler @ RandomTimestampSampler(holed)
    both.plot().save(tmp_path / 'times.gif', writer='pillow')
    plt.close('all')


def test_other_datasets() -> None:
    ds = Olinda()
    with pytest.raises(TypeError, match='Olinda.*min_valid=0'):
        ValidPatchSampler(ds, size=64)
    patches = list(ValidPatchSampler(ds, size=64, length=10, min_valid=0))
    assert all(ds[patch]['image'].shape == (4, 64, 64) for patch in patches)


def test_warped_dataset(holed: PlanetBasemap) -> None:
    ds = PlanetBasemap(holed.paths, crs='EPSG:4326', res=0.0005)
    with pytest.raises(ValueError, match='own grid'):
        ValidPatchSampler(ds, size=64)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'min_valid': 1.5}, 'min_valid=1.5'),
        ({'balance': 'dates'}, "balance='dates'"),
        ({'size': 0}, 'size=0'),
        ({'length': -1}, 'length=-1'),
    ],
)
def test_bad_arguments(
    holed: PlanetBasemap, arguments: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ValidPatchSampler(holed, **({'size': 32} | arguments))  # type: ignore[arg-type]
