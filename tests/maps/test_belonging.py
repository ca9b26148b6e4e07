# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import re
from pathlib import Path

import numpy as np
import pytest
import rasterio

from torchgeo_ktextures.commands.relabel import relabel
from torchgeo_ktextures.maps import ClassEntry, read_classes, relabel_map, write_classes
from torchgeo_ktextures.maps.reading import MODEL_TAG

from ..label_maps import regions, write_labels

NAMES = ('sea', 'wood', 'town', '')


def write_map(path: Path, seed: int = 0, model: str | None = None) -> Path:
    write_labels(path, regions(seed=seed))
    if model is not None:
        with rasterio.open(path, 'r+') as dst:
            dst.update_tags(**{MODEL_TAG: model})
    return path


def write_legend(path: Path, *maps: Path, model: str | None = None) -> Path:
    """Legend of maps, with names filled in."""
    counts = np.zeros(256, int)
    for file in maps:
        with rasterio.open(file) as src:
            counts += np.bincount(src.read(1).ravel(), minlength=256)
    entries = [
        ClassEntry(i, (i, 1, 2), pixels=int(counts[i]), name=name)
        for i, name in enumerate(NAMES)
    ]
    write_classes(path, entries, maps, model)
    return path


def applies(legend: Path, labels: Path) -> bool:
    """Whether a legend is taken for a map, or refused as one of another map."""
    output = legend.with_name('named.tif')
    output.unlink(missing_ok=True)
    said = ''
    try:
        relabel(str(labels), str(output), classes=str(legend))
    except ValueError as error:
        said = str(error)
    if said:
        assert re.search('the legend .* belongs to .*, not to .*; use', said)
        assert not output.exists()
        return False
    with rasterio.open(labels) as src, rasterio.open(output) as dst:
        assert ((dst.read(1) == 1) == (src.read(1) == 1)).all()
        assert MODEL_TAG not in dst.tags()
    return True


def test_models_decide(tmp_path: Path) -> None:
    june = write_map(tmp_path / 'june.tif', 0, 'aaaa')
    legend = write_legend(tmp_path / 'classes.yaml', june, model='aaaa')
    assert applies(legend, june)
    # The same model, of another scene or of another name.
    assert applies(legend, write_map(tmp_path / 'july.tif', 1, 'aaaa'))
    # The same pixels but another model.
    assert not applies(legend, write_map(tmp_path / 'same.tif', 0, 'bbbb'))
    # The same name and another model: the map was made anew.
    assert not applies(legend, write_map(june, 0, 'bbbb'))


@pytest.mark.parametrize('tagged', ['legend', 'map', 'none'])
def test_pixels_decide_without_models(tmp_path: Path, tagged: str) -> None:
    model = 'aaaa' if tagged == 'map' else None
    june = write_map(tmp_path / 'june.tif', 0, model)
    july = write_map(tmp_path / 'july.tif', 1, model)
    of_june = write_legend(
        tmp_path / 'classes.yaml', june, model='aaaa' if tagged == 'legend' else None
    )
    assert applies(of_june, june)
    assert not applies(of_june, july)
    # An older legend, or one of which only the list is left.
    text = of_june.read_text()
    of_june.write_text(text[text.index('classes:') :])
    assert applies(of_june, june)
    assert not applies(of_june, july)
    # Written by hand.
    of_june.write_text(re.sub(r'  pixels: .*\n', '', of_june.read_text()))
    assert applies(of_june, july)


def test_legend_of_several_maps(tmp_path: Path) -> None:
    maps = [write_map(tmp_path / f'{i}.tif', i) for i in range(2)]
    legend = write_legend(tmp_path / 'classes.yaml', *maps)
    assert applies(legend, maps[0])
    assert applies(legend, maps[1])
    large = write_labels(tmp_path / 'large.tif', regions(300, 300))
    assert not applies(legend, large)


def test_message(tmp_path: Path) -> None:
    folder = tmp_path / 'maps'
    folder.mkdir()
    june, july = (write_map(folder / f'{m}.tif', 0, m) for m in ('june', 'july'))
    path = write_legend(folder / 'classes.yaml', june, model='june')
    with pytest.raises(ValueError, match='not to') as error:
        relabel(str(july), str(tmp_path / 'a.tif'), classes=str(path))
    said = str(error.value)
    assert f'the legend {path} belongs to june.tif in {folder}, not to {july} ' in said
    assert '(it is of model june and the map of july)' in said
    assert 'use the one that segment wrote beside this map' in said
    assert 'remove the lines maps, model and pixels from it' in said
    lines = path.read_text().splitlines()
    keys = ('maps:', 'model:', 'pixels:')
    kept = [line for line in lines if not line.strip().startswith(keys)]
    path.write_text('\n'.join(kept))
    assert applies(path, july)


def test_entries_alone_have_no_map(tmp_path: Path) -> None:
    june = write_map(tmp_path / 'june.tif', 0)
    july = write_map(tmp_path / 'july.tif', 1)
    entries = list(read_classes(write_legend(tmp_path / 'classes.yaml', june)))
    relabel_map(july, entries, tmp_path / 'named.tif')
    assert (tmp_path / 'named.tif').exists()
