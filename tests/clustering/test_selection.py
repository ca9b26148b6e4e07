# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import numpy as np
import pytest
import torch

from torchgeo_ktextures.clustering import choose_number
from torchgeo_ktextures.clustering.selection import lowest_jaccard
from torchgeo_ktextures.clustering.spatial import label_persistence


def test_the_largest_number_that_is_still_good() -> None:
    table = {'n_clusters': [2, 3, 4, 5], 'score': [0.9, 0.3, 0.7, 0.2]}
    assert choose_number(table) == 4
    assert choose_number({'n_clusters': [3], 'score': [0.0]}) == 3


def test_lowest_jaccard() -> None:
    labels = np.array([0, 0, 1, 1, 1, 1])
    assert lowest_jaccard(labels, [1 - labels], 2) == 1  # numbers do not matter
    other = np.array([0, 1, 1, 1, 1, 1])
    # Of class 0: half of it in one, two of five in the other; with itself: one.
    assert lowest_jaccard(labels, [other, labels], 2) == pytest.approx(0.75)
    assert lowest_jaccard(labels, [labels], 3) == 0  # a class without places


def test_label_persistence() -> None:
    regions = torch.zeros(1, 40, 40, dtype=torch.long)
    regions[:, 20:] = 1
    everywhere = torch.ones(1, 40, 40, dtype=torch.bool)
    assert label_persistence([regions], [everywhere], 2, 2) > 0.9
    torch.manual_seed(0)
    salt = torch.randint(0, 2, (1, 40, 40))
    assert label_persistence([salt], [everywhere], 2, 2) < 0.05
    # The worst class counts, and invalid cells do not.
    three = torch.where(regions == 1, 1 + salt, regions)
    # Half of the neighbours, where a quarter would be chance.
    found = label_persistence([three], [everywhere], 2, 3)
    assert found == pytest.approx(1 / 3, abs=0.05)
    valid = everywhere.clone()
    valid[:, 20:] = False
    assert label_persistence([three], [valid], 2, 1) == 0  # one class: only chance
    assert label_persistence([regions[:, :2]], [everywhere[:, :2]], 50, 2) == 1
