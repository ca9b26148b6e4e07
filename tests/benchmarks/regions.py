# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""A labelled set of one generated scene."""

import numpy as np

from benchmarks.sets import Task

from ..four_regions import four_regions


def regions_task(height: int, width: int) -> Task:
    """Four regions, some pixels without a label, and some without data."""
    image, truth = four_regions(height, width)
    truth[:, :10] = 255
    image[:, 30:33, 50:52] = np.nan
    return Task('set', 'regions', [image], [truth], ('a', 'b', 'c', 'd'))
