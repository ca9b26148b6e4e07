# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import numpy as np
import torch

from torchgeo_ktextures.clustering.members import View, fit_members


def test_members_do_not_depend_on_chance() -> None:
    moments = torch.randn(300, 4).double()
    view = View(3, False, moments, torch.eye(4).double())
    found = []
    for seed in (0, 1):
        np.random.seed(seed)  # noqa: NPY002  what scikit-learn would draw from
        torch.manual_seed(seed)
        members = fit_members([view], torch.zeros(300, 2).double(), 1.0, 5, (0.5, 1.0))
        found.append([member.responsibilities for member in members])
    for one, two in zip(*found, strict=True):
        assert torch.equal(one, two)


def test_fewer_different_places_than_classes() -> None:
    moments = torch.eye(2).double().repeat(20, 1)
    view = View(3, False, moments, torch.eye(2).double())
    for member in fit_members([view], torch.zeros(40, 1).double(), 1.0, 6, (1.0,)):
        assert member.responsibilities.shape == (40, 6)
        assert member.responsibilities.isfinite().all()
