# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Table of backbones: each is built with random weights and run on a small image.

Nothing is downloaded. Bands, strides and licences are what timm and TorchGeo tell; where
they tell no licence, the source has to be asked. Transformers of timm are cut to two
blocks, which changes neither stride nor channels.

    python -m benchmarks.backbones --write docs/backbones.md
"""

import argparse
import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import timm
import torch
import torchgeo.models

from torchgeo_ktextures.models import BackboneFeatures, make_extractors
from torchgeo_ktextures.models.api import weights_of
from torchgeo_ktextures.models.backbone_inputs import backbone_inputs, channel_names
from torchgeo_ktextures.models.backbone_names import SHORT_NAMES, UNFIT
from torchgeo_ktextures.models.backbones import find_backbone

#: Weights of timm in the table, of the many that it has.
TIMM = (
    '*_dinov3.*', '*_dinov3_qkvb.*', 'convnext_*.dinov3*', '*_dinov2.*', '*.dino',
    'vit_*_clip_*.openai', 'vit_*_224.mae', 'hiera_*.mae', 'samvit_*',
    'vit_*_patch16_siglip_224.v2_webli', 'eva02_*_clip_*', 'swinv2_*.ms_in22k',
)  # fmt: skip

#: Height and width of the image: no multiple of any patch.
SIZE = (75, 109)

BEGIN, END = '<!-- table of backbones: begin -->', '<!-- end -->'


@dataclass
class Row:
    """Weights that are alike but for how they were trained."""

    names: list[str]
    licence: str
    bands: tuple[str, ...] = ()
    stride: int = 0
    channels: int = 0
    problem: str = ''

    def text(self) -> str:
        """A row of a table in Markdown."""
        shorts = []
        for short, name in SHORT_NAMES.items():
            if name in self.names:
                which = f' (`{name.partition(".")[2]}`)' if len(self.names) > 1 else ''
                shorts.append(f'`{short}`{which}')
        cells = [
            ', '.join(shorts),
            _joined(self.names),
            ', '.join(self.bands),
            str(self.stride),
            str(self.channels),
            self.licence,
        ]
        if self.problem:
            cells[3:5] = [self.problem, '']
        return f'| {" | ".join(cells)} |'


def _joined(names: list[str]) -> str:
    """Names, of which the part before the dot is written once."""
    head = names[0].partition('.')[0]
    tails = [name.partition('.')[2] for name in names]
    return f'`{head}.` ' + ', '.join(f'`{tail}`' for tail in tails)


def rows() -> Iterator[Row]:
    """Weights of timm, then those of TorchGeo."""
    known = timm.list_models(pretrained=True)
    chosen = [name for pattern in TIMM for name in known if fnmatch(name, pattern)]
    groups: dict[tuple[str, str], Row] = {}
    for name in dict.fromkeys(chosen):
        config = timm.get_pretrained_cfg(name)
        licence = (config and config.license) or 'see source'
        key = name.partition('.')[0], licence
        groups.setdefault(key, Row([], licence)).names.append(name)
    yield from groups.values()
    for model in torchgeo.models.list_models():
        alike: dict[tuple[str, ...], Row] = {}
        # Our own features are a group of their own.
        unfit = model in (*UNFIT, 'planet_features')
        for entry in [] if unfit else weights_of(model):
            licence = entry.meta.get('license', f'[see source]({entry.meta["repo"]})')
            bands = channel_names(find_backbone(str(entry)))
            row = alike.setdefault((licence, *bands), Row([], licence))
            row.names.append(str(entry))
        yield from alike.values()


def run(row: Row) -> None:
    """Build a network, and run it; the row tells what came out."""
    backbone = find_backbone(row.names[0])
    in_channels = 4
    try:
        inputs = backbone_inputs(backbone, in_channels)
        row.bands = inputs.names
        bands = None
        if inputs.any_bands:
            row.bands = ('any, by wavelength',)
    except ValueError:  # some that red, green, blue and near infrared are not
        row.bands = channel_names(backbone)
        bands = [-1] * len(row.bands)
    for arguments in ({'depth': 2}, {}):
        try:
            *_, features = make_extractors(
                ['backbone'],
                in_channels,
                backbone=row.names[0],
                backbone_weights=False,
                backbone_bands=bands,
                backbone_args=arguments,
            )
            break
        except (TypeError, ValueError, RuntimeError) as error:
            row.problem = f'fails: {error}'
    else:
        return
    assert isinstance(features, BackboneFeatures)
    with torch.inference_mode():
        found = features(torch.randn(1, in_channels, *SIZE))['backbone']
    assert found.isfinite().all()
    row.problem = ''
    row.stride, row.channels = features.strides['backbone'], found.shape[1]


def table(only: str) -> str:
    """Run all, and make the table in Markdown."""
    lines = [
        '| short name | backbone | bands | stride | channels | licence |',
        '|---|---|---|---|---|---|',
    ]
    for row in rows():
        if fnmatch(row.names[0], only):
            run(row)
            lines.append(row.text())
            print(lines[-1], flush=True)
            gc.collect()
    return '\n'.join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the table.

    Args:
        arguments: Arguments of the command (defaults to those of the process).
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--only', default='*', help='pattern of names')
    parser.add_argument('--write', type=Path, help='page to put the table into')
    args = parser.parse_args(arguments)
    made = table(args.only)
    if args.write is not None:
        text = args.write.read_text()
        before, _, rest = text.partition(BEGIN)
        after = rest.partition(END)[2]
        args.write.write_text(f'{before}{BEGIN}\n{made}\n{END}{after}')


if __name__ == '__main__':
    main()
