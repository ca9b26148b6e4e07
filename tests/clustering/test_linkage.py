# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.cluster.hierarchy import is_valid_linkage

from torchgeo_ktextures.clustering import link_by_distance, link_by_votes
from torchgeo_ktextures.maps.class_tree import cut_tree


def test_what_members_do_not_tell_apart_merges_first() -> None:
    torch.manual_seed(0)
    labels = torch.tensor([0] * 40 + [1] * 30 + [2] * 20 + [3] * 10)
    responsibilities = F.one_hot(labels, 4).double()
    together = torch.tensor([0, 1, 1, 2])  # of classes 1 and 2
    halves = torch.tensor([0, 1, 1, 1])
    members = [F.one_hot(together[labels], 3).double()] * 2
    members.append(F.one_hot(halves[labels], 2).double())
    linkage = link_by_votes(responsibilities, members)
    assert is_valid_linkage(linkage)
    assert linkage[0, :2].tolist() == [1, 2]  # the larger part comes first
    assert linkage[0, 2] == pytest.approx(0, abs=1e-9)
    assert linkage[1, :2].tolist() == [4, 3]
    assert cut_tree(linkage, 3).tolist() == [0, 1, 1, 3]
    assert cut_tree(linkage, 2).tolist() == [0, 1, 1, 1]
    # Sixty places are more than forty.
    assert cut_tree(linkage, 1).tolist() == [1, 1, 1, 1]


def test_costs_never_fall_and_classes_without_places_merge_first() -> None:
    torch.manual_seed(0)
    responsibilities = torch.rand(200, 7).pow(8)
    responsibilities[:, 5] = 0
    responsibilities /= responsibilities.sum(1, keepdim=True)
    members = [torch.rand(200, k).softmax(1) for k in (4, 7)]
    linkage = link_by_votes(responsibilities, members)
    assert is_valid_linkage(linkage)
    assert (np.diff(linkage[:, 2]) >= 0).all()
    assert 5 in linkage[0, :2]


def test_one_class() -> None:
    assert link_by_votes(torch.ones(9, 1), [torch.ones(9, 1)]).shape == (0, 4)
    assert link_by_distance(np.zeros((1, 3))).shape == (0, 4)


def test_distance() -> None:
    linkage = link_by_distance(np.array([[0.0], [9.0], [1.0]]), np.array([1, 1, 5]))
    assert is_valid_linkage(linkage)
    assert cut_tree(linkage, 2).tolist() == [2, 1, 2]
