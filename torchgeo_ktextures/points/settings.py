# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Constants of points and clusters, in one place, each with its reason.

What was measured for them is in ``benchmarks/README.md``.
"""

#: Number of patches of a scene that clusters are found in.
PATCHES = 256

#: Patches that are looked at at once.
BATCH = 8

#: Numbers of clusters of which the probabilities are features: coarse ones tell what
#: belongs together, fine ones where regions end.
FEATURE_CLUSTERS: tuple[int, ...] = (10, 20)

#: Number of clusters that are found as mixtures, at most; each of them is split by
#: k-means if more are wanted. More Gaussians have too few places each, and take long.
MOST_MIXTURES = 20

#: Places that a cluster is split by, at most.
SPLIT_SAMPLES = 3000

#: Factors by which bands are averaged for moments of a wider neighbourhood, and the
#: window of these, in averaged pixels: they tell a tree in a town from one in a forest.
COARSE, COARSE_WINDOW = (2, 4), 9

#: Distance of the places in pixels at which classes are told; pixels between them get
#: their class by bilinear interpolation, in a quarter of the time.
STEP = 2

#: Distance in cells to the edge of a region beyond which more makes a place no better.
INTERIOR = 6

#: Trees of the forest.
TREES = 100

#: Inverse of the strength of the penalty of the logistic regression, which has more
#: features than there are points.
PENALTY = 0.3

#: Added to the probabilities of the forest: with few points, all of its trees may agree
#: on what none of them can know.
DOUBT = 0.05

#: Number of clusters that a map may have, at most: each is a feature of every place,
#: so that with more of them memory and time would mostly be theirs.
MOST_CODES = 100

#: Number of points from which on cross-validation tells whom to trust, its folds, and
#: the powers that it chooses from.
ENOUGH, FOLDS = 30, 5
TRUSTS = (0.5, 0.25, 0.75, 0.1, 0.9)

#: Places without a class of each cluster that points can lend theirs to.
PLACES_PER_CLUSTER = 60

#: Number of places anywhere from which those in doubt are chosen.
CANDIDATES = 4000

#: Share of the points that are places of clusters, where there are many.
CLUSTER_SHARE = 0.5
