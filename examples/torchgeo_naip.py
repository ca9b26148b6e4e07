# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Maps of NAIP, from files to labels with TorchGeo's own dataset and samplers.

    python examples/torchgeo_naip.py FOLDER --output maps --n-clusters 8

FOLDER holds files such as m_3807511_ne_18_060_20181104.tif. Any other RasterDataset works
likewise: change the class and the names of the bands.
"""

import argparse
from collections.abc import Sequence

from lightning.pytorch import Trainer, seed_everything
from torch.utils.data import DataLoader
from torchgeo.datasets import NAIP, stack_samples

from torchgeo_ktextures.callbacks import GeoTIFFWriter
from torchgeo_ktextures.datasets import MarkNodata
from torchgeo_ktextures.samplers import PixelGridSampler, ValidPatchSampler
from torchgeo_ktextures.tasks import KTextures


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit on random patches of all files, and map each.

    Args:
        arguments: Arguments of the command (defaults to those of the process).
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', help='folder of NAIP files')
    parser.add_argument('--output', default='maps', help='folder of the maps')
    parser.add_argument('--layout', default='file', help='file, time or mosaic')
    parser.add_argument('--n-clusters', type=int, default=8, help='number of classes')
    parser.add_argument('--steps', type=int, default=100, help='training steps')
    parser.add_argument('--patch-size', type=int, default=96, help='in pixels')
    parser.add_argument('--tile-size', type=int, default=512, help='in pixels')
    options = parser.parse_args(arguments)
    seed_everything(0)
    # TorchGeo fills in zeros where no file is; they are no data.
    naip = NAIP(options.folder, bands=('R', 'G', 'B', 'NIR'), transforms=MarkNodata(0))
    patches = ValidPatchSampler(
        naip, size=options.patch_size, length=4 * options.steps, min_valid=0
    )
    # Half of a receptive field, 96 pixels, is cropped on each side where tiles meet.
    tiles = PixelGridSampler(naip, size=options.tile_size + 192, overlap=192)
    loaders = (
        DataLoader(naip, batch_size=4, sampler=sampler, collate_fn=stack_samples)
        for sampler in (patches, tiles)
    )
    writer = GeoTIFFWriter(options.output, layout=options.layout)
    trainer = Trainer(
        max_epochs=1,
        callbacks=[writer],
        logger=False,
        enable_checkpointing=False,
        default_root_dir=options.output,
    )
    task = KTextures(num_classes=options.n_clusters)
    trainer.fit(task, next(loaders))
    trainer.predict(task, next(loaders), return_predictions=False)
    print(*writer.outputs, sep='\n')


if __name__ == '__main__':
    main()
