# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import uniform_filter

from torchgeo_ktextures.change import Changes, change, part_changes

from ..label_maps import regions


@pytest.fixture(scope='module')
def dates() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Two dates: a large and a small change, and specks."""
    old = regions().astype(np.int64)
    old[old == 255] = -1
    new = old.copy()
    new[20:44, 30:60] = (new[20:44, 30:60] + 1) % 4
    new[70:73, 10:13] = (new[70:73, 10:13] + 1) % 4
    return old, new


def _same(one: Changes, other: Changes) -> bool:
    return bool((one.codes == other.codes).all()) and one.table.equals(other.table)


def test_same_input_is_no_change(dates: Any) -> None:
    old, _ = dates
    found = change([old, old])
    assert not found.changed.any()
    assert set(np.unique(found.codes)) == {0, 255}
    assert found.transitions.changed == 0
    assert found.table['pixels'].sum() == (old >= 0).sum()


def test_other_order_is_the_reverse(dates: Any) -> None:
    old, new = dates
    sure = np.random.default_rng(0).integers(0, 101, (2, *old.shape))
    image = np.random.default_rng(1).normal(size=(2, 3, *old.shape))
    image[1, :, 20:44, 30:60] += 30
    cases: list[dict[str, Any]] = [{}, {'confidence': sure}, {'images': image}]
    for options in cases:
        back: dict[str, Any] = {name: value[::-1] for name, value in options.items()}
        one = change([old, new], min_confidence=10, **options)
        other = change([new, old], min_confidence=10, **back)
        assert one.changed.any()
        assert (one.changed == other.changed).all()
        assert np.allclose(one.matrix, other.matrix.T)


def test_areas(dates: Any) -> None:
    old, new = dates
    large = change([old, new]).changed
    assert large[20:44, 30:60].mean() > 0.95
    assert large.sum() == large[20:44, 30:60].sum()
    every = change([old, new], min_pixels=1, tolerance=0).changed
    assert (every == (old != new)).all()


@pytest.mark.parametrize('step', [(0, 1), (1, 0), (1, 1), (-1, 1)])
def test_shift_is_no_change(step: tuple[int, int]) -> None:
    rows, cols = np.mgrid[:60, :80]
    old = (rows // 15 + cols // 20) % 3
    new = np.roll(old, step, (0, 1))
    inside = np.s_[2:-2, 2:-2]
    assert not change([old[inside], new[inside]], min_pixels=1).changed.any()
    assert change([old, new], min_pixels=1, tolerance=0).changed.any()


def test_doubt_is_no_change(dates: Any) -> None:
    old, new = dates
    for low, high, expected in ((20, 90, False), (60, 90, True)):
        sure = np.full((2, *old.shape), high)
        sure[0, 20:44, 30:60] = low
        found = change([old, new], confidence=sure)
        assert found.changed.any() == expected
        assert found.confidence is not None
        assert found.confidence[30, 40] == round(low * high / 100)


def test_missing_date_is_unknown(dates: Any) -> None:
    old, new = dates
    hidden = new.copy()
    hidden[15:50, 25:65] = -1
    found = change([old, hidden])
    assert not found.changed.any()
    assert (found.codes[20:44, 30:60] == len(found.names) - 1).all()
    assert found.transitions.unknown[0] == 35 * 40
    assert found.table['pixels'].sum() == ((old >= 0) & (hidden >= 0)).sum()


def test_date_without_a_class_is_told(dates: Any) -> None:
    old, _ = dates
    with pytest.warns(UserWarning, match='date 2 has no pixel with a class'):
        found = change([old, np.full_like(old, -1)])
    assert not found.changed.any()
    assert found.matrix.to_numpy().sum() == 0


def test_seasons_are_named() -> None:
    with pytest.warns(UserWarning, match=r'100% of what is known .* season'):
        change([np.zeros((40, 40), int), np.ones((40, 40), int)])


def test_series() -> None:
    stack = np.zeros((5, 60, 60), int)
    stack[2:, 10:20, 10:20] = 1  # once
    stack[1:3, 30:40, 10:20] = 2  # there and back
    stack[2, 10:20, 40:50] = -1  # hidden before it changes
    stack[3:, 10:20, 40:50] = 1
    last = change(stack, names=['forest', 'field', 'water'], dates=list('abcde'))
    first = change(stack, date_of='first')
    assert last.names[last.codes[15, 15]] == 'forest to field'
    for row, col, count, dates in ((15, 15, 1, (2, 2)), (35, 15, 2, (1, 3))):
        assert last.count[row, col] == count
        assert (first.date[row, col], last.date[row, col]) == dates
    assert last.codes[35, 15] == 0  # the same class in the end
    assert last.date[15, 45] == 3
    assert last.count[50, 50] == last.date[50, 50] == 0


def test_doubtful_date_hides_no_change() -> None:
    stack = np.zeros((3, 40, 40), int)
    stack[1:, 10:20, 10:20] = 1
    sure = np.full(stack.shape, 90)
    sure[1, 10:20, 10:20] = 5
    found = change(stack, confidence=sure)
    assert (found.date[10:20, 10:20] == 2).all()
    sure[0, 10:20, 10:20], sure[1, 10:20, 10:20] = 5, 90  # it was never known to be 0
    assert not change(stack, confidence=sure).changed.any()


def test_parts_do_not_show(dates: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = (np.tile(one, (4, 4)) for one in dates)
    rng = np.random.default_rng(0)
    sure = rng.integers(0, 101, (2, *old.shape))
    image = uniform_filter(rng.normal(size=(2, 3, *old.shape)), (0, 0, 5, 5))
    image[1, :, old != new] += 2
    options: dict[str, Any] = {'confidence': sure, 'images': image}
    options['min_confidence'] = 10
    whole = change([old, new], **options)
    monkeypatch.setattr(part_changes, '_SIZE', 150)
    assert whole.changed.any()
    assert _same(whole, change([old, new], **options))


def test_scenes_bear_changes_out() -> None:
    rng = np.random.default_rng(0)
    old, new = np.zeros((2, 120, 120), int)
    new[20:40, 20:40], new[70:90, 70:90] = 1, 1
    image = rng.normal(size=(2, 3, 120, 120))
    image[1] = 3 * image[1] + 100  # another light
    image[1, :, 22:42, 20:40] += 40
    new[31, 31] = -1
    found = change([old, new], images=image)
    assert found.codes[31, 31] == len(found.names) - 1
    assert not found.changed[70:90, 70:90].any()
    truth = np.zeros((120, 120), bool)
    truth[22:42, 20:40] = True
    assert (found.changed != truth).sum() < 10
    # What was not in the maps takes the transition beside it.
    assert found.names[found.codes[41, 30]] == 'class 0 to class 1'


def test_scenes_bear_out_nothing_of_a_large_area() -> None:
    rng = np.random.default_rng(0)
    old, new = np.zeros((2, 280, 280), int)
    new[20:200, 20:200] = 1  # wider than the window of what is around
    image = rng.normal(size=(2, 3, 280, 280))
    assert change([old, new]).changed.any()
    assert not change([old, new], images=image).changed.any()
    image[1, :, 20:200, 20:200] += 40
    assert change([old, new], images=image).changed[20:200, 20:200].mean() > 0.99


@pytest.mark.parametrize(
    ('maps', 'options', 'message'),
    [
        ([np.zeros((3, 3), int)], {}, 'two or more of one shape'),
        (
            [np.zeros((3, 3), int), np.zeros((3, 4), int)],
            {},
            'two or more of one shape',
        ),
        (np.zeros((2, 3, 3, 3), int), {}, r'labels of shape \(H, W\)'),
        (np.full((2, 3, 3), 300), {}, 'label 300, but labels are 0 to 254'),
        (np.zeros((2, 3, 3), int), {'min_confidence': 101}, 'from 0 to 100 percent'),
        (np.zeros((2, 3, 3), int), {'tolerance': 9}, 'register the scenes'),
        (np.zeros((2, 3, 3), int), {'min_pixels': 0}, 'at least 1'),
        (np.zeros((2, 3, 3), int), {'dates': ['a']}, '1 dates are given for 2'),
        (np.ones((2, 3, 3), int), {'names': ['a']}, 'name all classes'),
        (np.zeros((2, 3, 3), int), {'confidence': np.ones((1, 3, 3))}, 'not of the'),
        (np.zeros((2, 3, 3), int), {'images': np.ones((2, 4, 3, 4))}, 'not of the'),
    ],
)
def test_what_does_not_fit(maps: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        change(maps, **options)


def test_one_path_is_no_pair() -> None:
    with pytest.raises(TypeError, match='one path'):
        change('map.tif')


@pytest.fixture
def cube() -> Any:
    xarray = pytest.importorskip('xarray')
    stack = np.zeros((3, 40, 50))
    stack[1:, 10:20, 10:20], stack[:, :5] = 1, np.nan
    days = np.array(['2020-01-01', '2020-02-01', '2020-03-01'], 'datetime64[ns]')
    coordinates = {'time': days, 'y': np.arange(40.0), 'x': np.arange(50.0)}
    return xarray.DataArray(stack, coordinates, ('time', 'y', 'x'))


def test_xarray(cube: Any) -> None:
    found = change(cube)
    assert found.dates == ['2020-01-01', '2020-02-01', '2020-03-01']
    assert found.codes.dims == ('y', 'x')
    assert 'time' not in found.codes.coords
    assert found.changed.sum() == 100
    assert found.date.sel(y=15, x=15) == 1
    assert (found.codes[:5] == 255).all()
