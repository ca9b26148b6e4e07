# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path

import pytest

from torchgeo_ktextures.maps import ClassEntry, read_classes, write_classes

ENTRIES = [
    ClassEntry(0, (31, 119, 180), 12.5, 1250, {'red': 0.1, 'nir': 0.25}, 'a/0.png'),
    ClassEntry(1, (255, 127, 14), None, 3, {}, None, None),
    ClassEntry(2, (1, 2, 3), 1e-4, 1, {'red': 1e-5}, None, 'no: "café" #1'),
]


def test_round_trip(tmp_path: Path) -> None:
    write_classes(tmp_path / 'classes.yaml', ENTRIES)
    assert read_classes(tmp_path / 'classes.yaml') == ENTRIES
    text = (tmp_path / 'classes.yaml').read_text()
    assert text.startswith('# Classes of a map')
    assert 'name: null' in text.split('classes:\n')[0]
    assert "- index: 0\n  name: ''\n" in text
    assert {p.name for p in tmp_path.iterdir()} == {'classes.yaml'}


def test_filled_in_by_hand(tmp_path: Path) -> None:
    path = tmp_path / 'classes.yaml'
    path.write_text(
        'classes:\n'
        '- {index: 3, name: forest}\n'
        "- {index: 0, name: ''}\n"
        '- {index: 1, name:  old   forest }\n'
        '- index: 2\n  name:\n'
    )
    entries = read_classes(path)
    assert [e.index for e in entries] == [3, 0, 1, 2]
    assert [e.title for e in entries] == ['forest', 'class 0', 'old forest', None]


@pytest.mark.parametrize(
    ('text', 'match'),
    [
        ('classes: [{index: 0, name: "a}', 'not readable YAML.*quotes'),
        ('classes: []', 'no list of classes'),
        ('- 1', 'no list of classes'),
        ('', 'no list of classes'),
        ('classes: [3]', 'entry 1 of classes is 3.*needs an index and a name'),
        ('classes: [{index: 0}]', 'needs an index and a name'),
        ('classes: [{index: a, name: a}]', "index 'a'.*whole number"),
        ('classes: [{index: -1, name: a}]', 'index -1.*whole number'),
        ('classes: [{index: true, name: a}]', 'index True.*whole number'),
        ('classes: [{index: 0, name: no}]', 'name False.*quotes'),
        ('classes: [{index: 0, name: 7}]', "name 7.*quotes: name: '7'"),
        ('classes: [{index: 0, name: a, nmae: b}]', "'nmae', which is not one of"),
        ('classes: [{index: 0, name: a, color: red}]', "color 'red'.*three"),
        ('classes: [{index: 0, name: a, color: [1, 2, 300]}]', '300.*0 to 255'),
        (
            'classes: [{index: 0, name: a}, {index: 0, name: b}]',
            'two entries of cluster 0',
        ),
        (
            'classes: [{index: 0, name: Forest}, {index: 4, name: forest}]',
            r"'Forest' \(cluster 0\) and 'forest' \(cluster 4\) differ only in case",
        ),
        (
            "classes: [{index: 0, name: ''}, {index: 1, name: class 0}]",
            "'class 0' is the name of an unnamed cluster",
        ),
        (
            'classes: [{index: 0, name: null}, {index: 1, name: null}]',
            'drops all 2 clusters',
        ),
    ],
)
def test_bad_files(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / 'classes.yaml'
    path.write_text(text)
    with pytest.raises(ValueError, match=match) as error:
        read_classes(path)
    assert 'classes.yaml' in str(error.value)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match='missing.yaml.*cannot be read.*check the path'
    ):
        read_classes(tmp_path / 'missing.yaml')
    (tmp_path / 'bytes.yaml').write_bytes(b'\xff\xfe\xff')
    with pytest.raises(ValueError, match='not readable YAML'):
        read_classes(tmp_path / 'bytes.yaml')
