# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Maps of the items of a STAC collection, one for each clear scene.

Items come from any search, for example with pystac-client:

    search = Client.open(URL).search(collections=['sentinel-2-l2a'], bbox=BBOX)
    search.item_collection().save_object('items.json')
    python examples/stac_items.py items.json --output maps --max-cloud 20

Nothing is downloaded as a whole: patches to train on, and then tiles, are read from where
the items say that they are. Pixels that their masks call cloud or shadow are left out.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pystac
from lightning.pytorch import Trainer

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.callbacks import GeoTIFFWriter


def clear_items(items: Path, max_cloud: float) -> list[str]:
    """Choose the items of a collection that have few clouds.

    Args:
        items: File of a collection of items.
        max_cloud: Most clouds, in percent.

    Returns:
        Addresses of the items: the file, ``#``, and their identifiers.
    """
    found = pystac.ItemCollection.from_file(str(items)).items
    return [
        f'{items}#{item.id}'
        for item in found
        if item.properties.get('eo:cloud_cover', 0) <= max_cloud
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit on all clear items together, and map each.

    Args:
        arguments: Arguments of the command (defaults to those of the process).
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('items', type=Path, help='file of a collection of items')
    parser.add_argument('--output', default='maps', help='folder of the maps')
    parser.add_argument('--max-cloud', type=float, default=20, help='in percent')
    parser.add_argument('--n-clusters', type=int, default=8, help='number of classes')
    parser.add_argument('--steps', type=int, default=100, help='training steps')
    options = parser.parse_args(arguments)
    scenes = clear_items(options.items, options.max_cloud)
    print(f'{len(scenes)} clear items of {options.items}')
    segmenter = KTexturesSegmenter(
        options.n_clusters, max_steps=options.steps, random_state=0
    )
    segmenter.fit_model(scenes)
    writer = GeoTIFFWriter(options.output)
    trainer = Trainer(callbacks=[writer], logger=False, enable_checkpointing=False)
    trainer.predict(
        segmenter.task_,
        datamodule=segmenter.inputs_of(scenes).data,
        return_predictions=False,
    )
    print(*writer.outputs, sep='\n')


if __name__ == '__main__':
    main()
