# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch.distributed
from torch.utils.data import DistributedSampler
from torchgeo.samplers import (
    GeoSampler,
    RandomTimestampSampler,
    SequentialTimestampSampler,
)

from tests.planet import MONTHLY, write_quad
from torchgeo_ktextures.datasets import PlanetBasemap
from torchgeo_ktextures.samplers import PixelGridSampler, ValidPatchSampler

Make = Callable[[PlanetBasemap], GeoSampler]

SAMPLERS: dict[str, Make] = {
    'grid': lambda ds: PixelGridSampler(ds, size=24),
    'random': lambda ds: ValidPatchSampler(ds, size=24, length=50),
    'grid times dates': lambda ds: (
        PixelGridSampler(ds, size=24) @ SequentialTimestampSampler(ds)
    ),
    'random times dates': lambda ds: (
        ValidPatchSampler(ds, size=24, length=50)
        @ RandomTimestampSampler(ds, generator=0)
    ),
}


def shares(
    make: Make, ds: PlanetBasemap, world_size: int, monkeypatch: pytest.MonkeyPatch
) -> list[list[Any]]:
    found = []
    with monkeypatch.context() as context:
        context.setattr(torch.distributed, 'is_initialized', lambda: True)
        context.setattr(torch.distributed, 'get_world_size', lambda: world_size)
        for rank in range(world_size):
            context.setattr(torch.distributed, 'get_rank', lambda rank=rank: rank)
            sampler = make(ds)
            items = list(sampler)
            assert len(sampler) == len(items)
            found.append([[(s.start, s.stop) for s in item] for item in items])
    return found


@pytest.fixture
def ds(tmp_path: Path) -> PlanetBasemap:
    write_quad(tmp_path / MONTHLY, size=64)
    write_quad(tmp_path / MONTHLY.replace('06', '07'), size=64)
    return PlanetBasemap(tmp_path)


@pytest.mark.parametrize('name', SAMPLERS)
@pytest.mark.parametrize('world_size', [2, 3])
def test_each_process_has_its_share(
    ds: PlanetBasemap, name: str, world_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = SAMPLERS[name]
    # Lightning must not divide the share again.
    assert isinstance(make(ds), DistributedSampler)
    whole = shares(make, ds, 1, monkeypatch)[0]
    parts = shares(make, ds, world_size, monkeypatch)
    together = [item for part in parts for item in part]
    if name.startswith('grid'):
        # nothing twice, nothing lost
        assert sorted(together) == sorted(whole)
    else:
        # the same number for all, so that none waits for another
        assert len({len(part) for part in parts}) == 1
        places = [tuple(item[:2]) for item in together]
        expected = [tuple(item[:2]) for item in whole]
        assert set(expected) <= set(places)
        assert len(places) == -(-50 // world_size) * world_size


def test_epochs_reach_the_spatial_sampler(ds: PlanetBasemap) -> None:
    spatial = ValidPatchSampler(ds, size=24, length=5)
    sampler = spatial @ RandomTimestampSampler(ds, generator=0)
    first = [item[:2] for item in sampler]
    assert [item[:2] for item in sampler] != first
    sampler.set_epoch(0)  # type: ignore[attr-defined]
    assert [item[:2] for item in sampler] == first
