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
        ('classes: [{index: 0, name: "a}', 'line 1 is not readable YAML.*correct it'),
        ('classes: []', 'no list of classes'),
        ('- 1', 'no list of classes'),
        ('', 'no list of classes'),
        ('classes: [3]', 'entry 1 of classes is 3.*needs an index and a name'),
        ('classes: [{index: 0}]', 'needs an index and a name'),
        ('classes: [{index: a, name: a}]', "index 'a'.*whole number"),
        ('classes: [{index: -1, name: a}]', 'index -1.*whole number'),
        ('classes: [{index: true, name: a}]', 'index True.*whole number'),
        ('classes: [{index: 65535, name: a}]', 'index 65535.*from 0 to 65534'),
        ('classes: [{index: 0, name: [a]}]', r"name \['a'\].*put it in quotes"),
        ('classes: [{index: 0, name: a, pixels: 1.5}]', 'pixels 1.5.*remove it'),
        ('classes: [{index: 0, name: a, pixels: -1}]', 'pixels -1.*whole number'),
        ('maps: 3\nclasses: [{index: 0, name: a}]', 'has maps 3.*list of file names'),
        (
            'classes:\n- index: 0\n  name: a\n  name: b\n',
            "line 4: 'name' is there twice in the same entry; remove one",
        ),
        ('classes: []\nclasses: []\n', "line 2: 'classes' is there twice"),
        (
            'classes:\n- index: 0\n  name: water: deep\n',
            "line 3 is not .*: name: water: deep; put .* quotes: name: 'water: deep'",
        ),
        (
            "classes:\n- index: 0\n  name: 'it's\n- index: 1\n  name: b\n",
            "line 3 .* put the name in quotes: name: 'it''s'",
        ),
        (
            'classes:\r\n- name: @home\r\n  index: 0\r\n',
            "line 2 is not .*: - name: @home; .* quotes: name: '@home'",
        ),
        ('classes:\n- index: 0\n\tname: b\n', 'line 3 is not .*a tab, use blanks'),
        ('classes: [{index: 0, name: a, nmae: b}]', "'nmae', which is not one of"),
        ('classes: [{index: 0, name: a, color: rot}]', "color 'rot'.*forestgreen"),
        ("classes: [{index: 0, name: a, color: '#12'}]", "color '#12'.*'#1f77b4'"),
        ('classes: [{index: 0, name: a, color: none}]', "color 'none'.*forestgreen"),
        # What comes after # is a comment.
        ('classes:\n- {index: 0, name: a, color: }', 'empty color.*in quotes'),
        ('classes:\n- index: 0\n  name: a\n  color: #1f77b4', 'empty color.*quotes'),
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


@pytest.mark.parametrize(
    ('typed', 'name'),
    [
        ('no', 'no'),
        ('yes', 'yes'),
        ('True', 'True'),
        ('1', '1'),
        ('007', '007'),
        ('1.50', '1.50'),
        ('0x1F', '0x1F'),
        ('2021-06-01', '2021-06-01'),
        ('12:30', '12:30'),
        ('=', '='),
        ('null', None),
        ('~', None),
        ('', None),
        ('# comment', None),
        ("''", ''),
        ("'null'", 'null'),
        ('"no"', 'no'),
        ('Grünland / várzea', 'Grünland / várzea'),
        ('森林', '森林'),
        ("it''s <b>&", "it''s <b>&"),
    ],
)
def test_names_are_what_was_typed(tmp_path: Path, typed: str, name: str | None) -> None:
    path = tmp_path / 'classes.yaml'
    text = f'classes:\n- index: 0\n  name: {typed}\n- index: 1\n  name: b\n'
    path.write_text(text, encoding='utf-8')
    assert [e.name for e in read_classes(path)] == [name, 'b']


@pytest.mark.parametrize(
    'encoding', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le', 'utf-16-be', 'cp1252']
)
@pytest.mark.parametrize('end', ['\n', '\r\n', '\r'])
def test_encodings(tmp_path: Path, encoding: str, end: str) -> None:
    path = tmp_path / 'classes.yaml'
    write_classes(path, ENTRIES)
    lines = path.read_text(encoding='utf-8').splitlines()
    lines = [line.replace("name: ''", 'name: Grünland \u2013 dürr') for line in lines]
    mark = '\ufeff' if encoding in ('utf-16-le', 'utf-16-be') else ''
    path.write_bytes((mark + end.join(lines)).encode(encoding))
    entries = read_classes(path)
    names = ['Grünland \u2013 dürr', None, 'no: "café" #1']
    assert [e.name for e in entries] == names
    assert (entries.encoding == 'cp1252') == (encoding == 'cp1252')


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='missing.yaml.*does not exist'):
        read_classes(tmp_path / 'missing.yaml')
    with pytest.raises(OSError, match='cannot be read .Is a directory.; check'):
        read_classes(tmp_path)
    path = tmp_path / 'bytes.yaml'
    for data, match in {
        b'\xff\xfe\xff': 'bytes.yaml begins as UTF-16 but is damaged.*save it as UTF-8',
        b'a\nb\x81': r'neither UTF-8, UTF-16 nor cp1252 \(byte 0x81 in line 2\).*UTF-8',
        'classes:'.encode('utf-16-le'): 'zero bytes.*save it as UTF-8',
        b'classes: \x01': 'bytes.yaml is not readable YAML',
    }.items():
        path.write_bytes(data)
        with pytest.raises(ValueError, match=match):
            read_classes(path)


def test_tells_its_maps(tmp_path: Path) -> None:
    folder = tmp_path / 'maps'
    folder.mkdir()
    path = folder / 'classes.yaml'
    maps = [tmp_path / 'classes: é.tif', folder / 'b.tif']
    write_classes(path, ENTRIES, maps, '0123456789012345')
    text = path.read_text(encoding='utf-8')
    head, _, _ = text.partition('classes:')
    assert head.startswith('# Classes of a map')
    assert "n_clusters: 3\nmodel: '0123456789012345'\n" in head
    legend = read_classes(path)
    assert legend == ENTRIES
    assert legend.maps == ['../classes: é.tif', 'b.tif']
    assert legend.model == '0123456789012345'
    assert legend.counts == {0: 1250, 1: 3, 2: 1}
    assert legend.others(maps) == []
    maps[0].touch()
    assert legend.others([folder / '..' / 'maps' / 'b.tif']) == [
        folder / '..' / maps[0].name
    ]
    assert legend.others(maps) == []
    # What comes before the list of classes may be cut away.
    path.write_text(text[len(head) :], encoding='utf-8')
    legend = read_classes(path)
    assert (legend, legend.maps, legend.model) == (ENTRIES, [], None)
    path.write_text('classes: [{index: 0, name: a}]')
    assert read_classes(path).counts == {}
