# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path

import numpy as np
import rasterio
import torch

from tests.rasters import write_raster
from torchgeo_ktextures.datasets import PixelWindow
from torchgeo_ktextures.inference import ArraySink, predict_tiles
from torchgeo_ktextures.points.cluster_maps import ClusterMaps
from torchgeo_ktextures.points.fitting import fit_network

from .conftest import Scene


def test_shares_of_places(tmp_path: Path) -> None:
    """Nodata counts for nothing, and where there is nothing else all are alike."""
    labels = np.array(
        [[3, 3, 9, 5, 3], [3, 3, 3, 5, 9], [9, 9, 5, 3, 5]], dtype=np.uint16
    )
    path = write_raster(tmp_path / 'labels.tif', labels[None], nodata=9)
    scene = write_raster(tmp_path / 'scene.tif', labels[None] / np.float32(2))
    maps = ClusterMaps({str(scene): path})
    assert maps.codes.tolist() == [3, 5]
    assert len(maps.colors) == 2
    whole = torch.tensor([PixelWindow(0, 0, 0, 3, 5, 0, 0, 3, 5)])
    found = maps.shares({'window': whole}, [str(scene)])
    expected = [[[1, 1 / 3, 1], [0.5, 0.5, 0]], [[0, 2 / 3, 0], [0.5, 0.5, 1]]]
    torch.testing.assert_close(found, torch.tensor([expected]))
    part = torch.tensor([PixelWindow(0, 2, 2, 1, 3, 2, 2, 1, 3)])
    torch.testing.assert_close(
        maps.shares({'window': part}, [str(scene)]), found[..., 1:, 1:]
    )


def test_changed_maps_are_others(tmp_path: Path) -> None:
    labels = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
    scene = write_raster(tmp_path / 'scene.tif', labels)
    path = write_raster(tmp_path / 'labels.tif', labels)
    first = ClusterMaps({str(scene): path}).identity()
    assert torch.equal(first, ClusterMaps({str(scene): path}).identity())
    write_raster(path, np.append(labels, labels[:, :, :1], 2)[:, :, 1:])
    assert not torch.equal(first, ClusterMaps({str(scene): path}).identity())


def test_points_lend_their_classes_in_clusters_of_maps(
    known: Scene, tmp_path: Path
) -> None:
    """Of four regions two have a point, and the map tells which the others belong to."""
    names = known.truth[known.points[:, 1], known.points[:, 2]].tolist()
    chosen = [names.index(0), names.index(1)]
    with rasterio.open(known.path) as src:
        grid = {'crs': src.crs, 'transform': src.transform}
    regions = known.truth.astype(np.uint8)
    for others in ([0, 1], [1, 0]):
        labels = np.array([0, 1, *others], np.uint8)[regions]
        path = write_raster(tmp_path / f'{others[0]}.tif', labels[None], **grid)
        maps = ClusterMaps({str(known.path): path})
        network = fit_network(
            *(known.segmenter, [str(known.path)], known.points[chosen]),
            *(np.array([0, 1]), 0, maps),
        )
        network.predict_keys = ('labels',)
        sink = ArraySink(2)
        data = known.segmenter.inputs_of([str(known.path)]).data
        predict_tiles(network, data, sink, 'cpu')
        found = sink.labels[0]
        expected = np.array([0, 1, *others])[known.truth]
        valid = found >= 0
        assert (valid == np.isfinite(known.image[0])).all()
        assert (found == expected)[valid].mean() > 0.9
