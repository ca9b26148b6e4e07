# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Maps of many scenes with one fitted model, on the workers of Dask.

    torchgeo-ktextures segment sample.tif --output sample_labels.tif --save-checkpoint model.ckpt
    python examples/dask_scenes.py model.ckpt scenes/*.tif --output maps --workers 4

Dask decides where each scene is labelled. A scheduler elsewhere is --scheduler ADDRESS;
its workers need this package, the scenes, and the folder of maps. Give each worker one
thread: PyTorch uses the processors of a worker by itself.
"""

import argparse
import copy
from collections.abc import Sequence
from typing import Any

import dask
import dask.array as da
from dask.distributed import Client, LocalCluster

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.callbacks import GeoTIFFWriter
from torchgeo_ktextures.inference import predict_tiles


def write_map(segmenter: KTexturesSegmenter, scene: str, folder: str) -> str:
    """Label one scene. What is there already is left as it is.

    Args:
        segmenter: Fitted estimator.
        scene: Raster.
        folder: Folder of the maps.

    Returns:
        Path of the map.
    """
    writer = GeoTIFFWriter(folder)
    # Threads of one worker must not share a task.
    task = copy.deepcopy(segmenter.task_)
    predict_tiles(task, segmenter.inputs_of(scene).data, writer, 'cpu')
    return str(writer.outputs[0])


def write_maps(model: str, scenes: Sequence[str], folder: str) -> list[str]:
    """Label scenes, one task of Dask each.

    Args:
        model: File of a fitted model, which one worker loads for all.
        scenes: Rasters.
        folder: Folder of the maps.

    Returns:
        Paths of the maps.
    """
    segmenter = dask.delayed(KTexturesSegmenter.load)(model)
    tasks = [dask.delayed(write_map)(segmenter, scene, folder) for scene in scenes]
    return list(dask.compute(*tasks))


def label_blocks(
    segmenter: KTexturesSegmenter, image: da.Array, margin: int = 96
) -> da.Array:
    """Label an array of Dask block by block, when it is computed.

    Args:
        segmenter: Fitted estimator.
        image: Bands of shape ``(C, H, W)``, in one block along the bands.
        margin: Pixels of context around each block: half of the receptive field.

    Returns:
        Labels of shape ``(H, W)`` in the same blocks.
    """
    depth = {0: 0, 1: margin, 2: margin}
    labels: da.Array = da.map_overlap(
        segmenter.predict,
        image,
        depth=depth,
        boundary='none',
        drop_axis=0,
        dtype='int64',
        meta=da.empty((0, 0), dtype='int64')._meta,
    )
    return labels


def main(arguments: Sequence[str] | None = None, **cluster: Any) -> None:
    """Label scenes on a cluster.

    Args:
        arguments: Arguments of the command (defaults to those of the process).
        **cluster: Further arguments of the cluster of this machine.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('model', help='file of a fitted model')
    parser.add_argument('scenes', nargs='+', help='rasters')
    parser.add_argument('--output', default='maps', help='folder of the maps')
    parser.add_argument('--workers', type=int, default=2, help='on this machine')
    parser.add_argument('--scheduler', help='address of a scheduler elsewhere')
    options = parser.parse_args(arguments)
    where = options.scheduler or LocalCluster(
        n_workers=options.workers, threads_per_worker=1, **cluster
    )
    with Client(where):
        print(*write_maps(options.model, options.scenes, options.output), sep='\n')
    if options.scheduler is None:
        where.close()


if __name__ == '__main__':
    main()
