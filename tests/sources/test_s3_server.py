# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""A private bucket of a server of S3 that others wrote, if it is installed.

uv run --with 'moto[s3,server]' pytest tests/sources/test_s3_server.py
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.sources import CorruptRasterError, open_raster

from ..four_regions import four_regions
from ..label_maps import UTM
from ..rasters import write_raster

boto3 = pytest.importorskip('boto3')
moto_server = pytest.importorskip('moto.server')
pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(['127.0.0.1'])]


def test_private_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server: Any = moto_server.ThreadedMotoServer('127.0.0.1', 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for name, value in {
            'AWS_ACCESS_KEY_ID': 'key',
            'AWS_SECRET_ACCESS_KEY': 'secret',
            'AWS_S3_ENDPOINT': f'{host}:{port}',
            'AWS_HTTPS': 'NO',
            'AWS_VIRTUAL_HOSTING': 'FALSE',
        }.items():
            monkeypatch.setenv(name, value)
        bands = (four_regions()[0] * 10_000).astype(np.uint16)
        names = ('red', 'green', 'blue', 'nir')
        local = write_raster(tmp_path / 'scene.tif', bands, **UTM, names=names)
        url = f'http://{host}:{port}'
        s3 = boto3.client('s3', endpoint_url=url, region_name='us-east-1')
        s3.create_bucket(Bucket='scenes')
        s3.upload_file(str(local), 'scenes', 'a/scene.tif')
        segmenter = KTexturesSegmenter(4, max_steps=1, random_state=0, device='cpu')
        labels = segmenter.fit_predict('s3://scenes/a/scene.tif')
        assert (labels == segmenter.predict(str(local))).all()
        with pytest.raises(CorruptRasterError, match='there is nothing at this'):
            open_raster('s3://scenes/none.tif')
    finally:
        server.stop()
