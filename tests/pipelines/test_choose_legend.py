# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import re
from pathlib import Path

import numpy as np
import pytest

from torchgeo_ktextures.maps import ClassEntry, read_classes, write_classes
from torchgeo_ktextures.pipelines.segment_results import choose_legend, stretch

ENTRIES = [ClassEntry(i, (i, 1, 2), pixels=9) for i in range(3)]


def make_maps(folder: Path, *names: str) -> list[Path]:
    paths = [folder / f'{name}.tif' for name in names]
    for path in paths:
        path.touch()
    return paths


def fill_in(path: Path) -> None:
    path.write_text(path.read_text().replace("  name: ''", '  name: no', 1))


def test_maps_in_one_folder_get_legends_of_their_own(tmp_path: Path) -> None:
    june, july = make_maps(tmp_path, 'june', 'july')
    first = tmp_path / 'classes.yaml'
    assert choose_legend(None, [june]) == first
    write_classes(first, ENTRIES, [june])
    assert choose_legend(None, [june]) == first  # made again
    second = choose_legend(None, [july])
    assert second == tmp_path / 'july_classes.yaml'
    write_classes(second, ENTRIES, [july])
    assert choose_legend(None, [july]) == second
    fill_in(second)
    assert read_classes(second).has_names
    with pytest.raises(
        ValueError, match=r'july_classes.yaml is .*edited; move it away'
    ):
        choose_legend(None, [july])
    assert choose_legend(None, [june]) == first
    june.unlink()  # so the legend belongs to nothing that is there
    july_2 = tmp_path / 'july_2.tif'
    assert choose_legend(None, [july_2]) == first
    fill_in(first)
    with pytest.raises(ValueError, match=r'classes.yaml is there already'):
        choose_legend(None, [july_2])


def test_several_maps(tmp_path: Path) -> None:
    a, b, c = make_maps(tmp_path, 'a', 'b', 'c')
    write_classes(tmp_path / 'classes.yaml', ENTRIES, [a, b])
    assert choose_legend(None, [b, a]) == tmp_path / 'classes.yaml'
    assert choose_legend(None, [a, b, c]) == tmp_path / 'classes.yaml'
    # It goes on to describe all that it says.
    assert choose_legend(None, [a]) == tmp_path / 'a_classes.yaml'
    assert choose_legend(None, [b, c]) == tmp_path / 'classes_2.yaml'
    write_classes(tmp_path / 'classes_2.yaml', ENTRIES, [a, c])
    assert choose_legend(None, [b, c]) == tmp_path / 'classes_3.yaml'
    write_classes(tmp_path / 'a_classes.yaml', ENTRIES, [c])
    assert choose_legend(None, [a]) == tmp_path / 'a_classes_2.yaml'


def test_legends_of_earlier_versions(tmp_path: Path) -> None:
    maps = make_maps(tmp_path, 'a')
    path = tmp_path / 'classes.yaml'
    write_classes(path, ENTRIES)
    assert choose_legend(None, maps) == path
    fill_in(path)
    assert choose_legend(None, maps) == tmp_path / 'a_classes.yaml'
    path.write_text("classes:\n- index: 0\n  name: 'it's\n")
    assert choose_legend(None, maps) == tmp_path / 'a_classes.yaml'


def test_named_by_the_user(tmp_path: Path) -> None:
    a, b = make_maps(tmp_path, 'a', 'b')
    path = tmp_path / 'names.yaml'
    assert choose_legend(path, [a]) == path
    write_classes(path, ENTRIES, [b])
    assert choose_legend(path, [a]) == path
    fill_in(path)
    with pytest.raises(
        ValueError, match=r'names.yaml is .* another file with --legend'
    ):
        choose_legend(path, [b])
    path.write_text(re.sub('name: no', 'name: null', path.read_text()))
    with pytest.raises(ValueError, match='edited'):
        choose_legend(path, [b])
    path.write_text('\t')
    with pytest.raises(ValueError, match='edited'):
        choose_legend(path, [b])


type Texture = tuple[int, float, float]  # pixels, mean and standard deviation

USUAL: list[Texture] = [(5000, 0.05, 0.01), (3000, 0.1, 0.02), (2000, 0.3, 0.05)]


def limits(*textures: Texture) -> tuple[float, float]:
    """Values of black and white."""
    wave = np.where(np.indices((8, 8)).sum(0) % 2, 1.0, -1.0)
    shown = np.array([[mean + std * wave] * 3 for _, mean, std in textures])
    low, high = stretch(shown, [pixels for pixels, *_ in textures])
    assert low.shape == high.shape == (3, 1, 1)
    assert np.ptp(low) == np.ptp(high) == 0
    return float(low[0, 0, 0]), float(high[0, 0, 0])


def test_contrast_is_that_of_the_textures() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(mean, std, n) for n, mean, std in USUAL])
    center, spread = values.mean(), values.std()
    expected = (center - 2 * spread, center + 2 * spread)
    assert limits(*USUAL) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    'extreme',
    [
        [(9, 1e6, 0)],
        [(9, -9999, 0)],
        [(9, 9.97e36, 1e30)],
        [(9, 1e6, 0), (9, -3e38, 1e38)],
        [(600, 1e6, 1e5)],
        [(9, float('inf'), 0)],
        [(0, 5, 5)],
    ],
)
def test_extreme_classes_do_not_change_the_contrast(extreme: list[Texture]) -> None:
    with np.errstate(all='ignore'):
        found = limits(*USUAL, *extreme)
    assert found == pytest.approx(limits(*USUAL), abs=0.01)


def test_extreme_deviation_of_a_usual_class() -> None:
    usual = limits(*USUAL, (3000, 0.15, 0.02))
    assert limits(*USUAL, (3000, 0.15, 900.0)) == pytest.approx(usual, abs=0.1)


def test_contrast_keeps_what_is_only_bright() -> None:
    low, high = limits((9000, 0.03, 0.005), (800, 0.2, 0.03), (200, 0.8, 0.1))
    assert low < 0.03
    assert high > 0.2
    low, high = limits((600, 0, 0), (300, 1, 0), (100, 2, 0))
    assert low < 0
    assert high > 1.5
    assert limits((5, 1, 0)) == pytest.approx((1, 1), abs=1e-5)
