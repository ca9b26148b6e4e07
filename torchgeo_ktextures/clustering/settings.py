# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Constants by which classes are found, in one place, each with its reason.

What was measured for them is in ``benchmarks/README.md``.
"""

#: Widths in pixels of the windows of local moments, and how far they are shifted to the
#: side of an edge that a pixel lies on. Small ones keep small fields and single trees,
#: large ones tell towns from bare soil; no resolution has one right size. Shifts are
#: about half the width, so that a window ends where the edge is.
SHIFTS = {3: 2, 5: 2, 9: 4}

#: Windows count by this power of the inverse of their variance. Zero is a mean of all,
#: infinity takes the smoothest alone (Kuwahara's filter); at 4 one window decides at
#: edges, and all count alike where there is none.
EDGE_POWER = 4

#: Variance that is taken for none, in units of the variance of the data.
VARIANCE_FLOOR = 1e-4

#: Smallest value of which the logarithm is taken, in deviations of the data.
DARK = 0.1

#: Width in pixels of the cells that classes are found from, whatever the mask stride:
#: maps of another stride show the same classes.
CELL = 4

#: Distance in pixels over which noise is measured: neighbours mostly are of one class.
NOISE_LAG = 4

#: Distance in pixels at which a class should still go on.
LAG = 8

#: Number of independent measurements that the features of a cell are worth, in the
#: likelihood of a class.
EVIDENCE = 64

#: How much each other class adds to the covariance of a class, as a share of all
#: places: with many classes, each has few places to tell its own.
COMMON_COVARIANCE = 0.01

#: Numbers of classes of the members of the ensemble, as multiples of k.
MEMBER_CLASSES = (0.5, 1.0)

#: Number of cells by which Ward's method finds what k-means begins with, as it needs all
#: distances.
WARD_SAMPLES = 1000

#: Iterations of expectation maximization of each member. The likelihood goes on to
#: rise, but classes get no better.
MEMBER_ITERATIONS = 10

#: Iterations of the latent class model that combines the members.
CONSENSUS_ITERATIONS = 20

#: Starts of the latent class model, each of other cells, of which the most likely one
#: goes on after a quarter of the iterations.
CONSENSUS_STARTS = 10

#: Principal components of the votes that these starts are found in.
CONSENSUS_COMPONENTS = 32

#: Number of classes up to which the consensus finds just as many. For each further one it
#: finds another one more, and those that members tell apart least are merged: else it
#: rather halves large classes than finds small ones.
DIRECT_CLASSES = 8

#: Small classes are merged the sooner, by this power of their share of the area. At
#: zero, a tiny class that is like no other stays to the end; at one, large classes that
#: all members tell apart are merged before it.
LINKAGE_SIZE_POWER = 0.25

#: Number of cells from which classes are found, at most.
SAMPLES = 10_000

#: Number of cells by which numbers of classes are compared, at most.
SELECTION_SAMPLES = 5_000

#: Distance in pixels at which a class should still go on: beyond the windows by which
#: classes are told, so that noise does not, and within small regions. The first is for
#: colour, with the windows of local moments, the second for features, which see further.
PERSISTENCE_LAGS = 12, 20

#: How close to the best score that of the chosen number of classes is, as a share. On
#: generated scenes, anything from 0.4 to 0.6 finds most numbers; chosen on some that
#: are not those of the benchmark.
ENOUGH = 0.5

#: Share of the variance that principal components keep for k-means.
PCA_VARIANCE = 0.95

#: Probability that no class falls below in a cell: the mask network can always win a
#: cell over.
LEAST_PROBABILITY = 1e-6

#: How much more likely a class is where all neighbours are of it, in nats. From 4 to
#: 12, scores are the same; more removes more of the thin classes along edges.
SMOOTHING = 6.0

#: Rounds of smoothing, each of which reaches one cell further.
SMOOTHING_ROUNDS = 4

#: Number of pixels by which the colours of classes are estimated, at most.
PIXELS = 100_000

#: How much the cells around a pixel count beside its own colour, which tells where
#: exactly a class ends. Less draws more ragged borders.
CONTEXT = 0.5
