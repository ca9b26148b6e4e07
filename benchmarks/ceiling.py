# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""How well labels could be told from what k-textures sees: a supervised linear probe.

Linear discriminant analysis learns the true classes from the vectors of the cells: local
moments alone, or with the reduced features of the shipped extractor. It learns from every
other block of 64 x 64 pixels, as on a chess board, and is scored on the rest, then the
other way round. Nothing without labels can be expected to be better.

    python -m benchmarks.ceiling --data-root ../shared/data/benchmark
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import jaccard_score

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.clustering import middle_moments
from torchgeo_ktextures.clustering.settings import CELL
from torchgeo_ktextures.losses import pad_to_grid
from torchgeo_ktextures.models import finite_pixels

from .report import markdown
from .sets import Task, folder_tasks

#: Width of the blocks in pixels.
_BLOCK = 64

type _Floats = npt.NDArray[np.float32]
type _Integers = npt.NDArray[np.int64]


class Cells:
    """What is known of the labelled cells of a task: vectors, classes and blocks."""

    def __init__(self, task: Task, seed: int) -> None:
        """Fit a model, and measure.

        Args:
            task: Images and labels.
            seed: Seed of the fit.
        """
        estimator = KTexturesSegmenter(task.num_classes, random_state=seed)
        estimator.fit_model(list(task.images))
        parts = zip(*_measure(estimator, task), strict=True)
        self.moments, self.features, self.classes, self.odd = (
            np.concatenate(part) for part in parts
        )

    def probe(self, vectors: _Floats) -> float:
        """Mean IoU of a linear classifier, of the blocks that it did not learn from.

        Args:
            vectors: Vectors of the cells, of shape ``(N, d)``.

        Returns:
            Mean over the classes that occur.
        """
        found = np.empty_like(self.classes)
        for odd in (False, True):
            known = self.odd == odd
            # Shrinkage, as features are many and depend on each other.
            model = LinearDiscriminantAnalysis(solver='lsqr', shrinkage='auto')
            model.fit(vectors[known], self.classes[known])
            found[~known] = model.predict(vectors[~known])
        return float(jaccard_score(self.classes, found, average='macro'))


@torch.no_grad()
def _measure(
    estimator: KTexturesSegmenter, task: Task
) -> Iterator[tuple[_Floats, _Floats, _Integers, npt.NDArray[np.bool_]]]:
    model, criterion = estimator.task_.model, estimator.task_.criterion
    space, prior = criterion.clusters.space, criterion.clusters.prior
    middles = (slice(CELL // 2, None, CELL),) * 2
    for image, mask in zip(task.images, task.masks, strict=True):
        bands = torch.from_numpy(image)[None]
        valid = finite_pixels(bands)
        x, inside = pad_to_grid(model.prepare(bands, valid), valid)
        features = criterion.similarity.features(x, inside)
        reduced = space(space.pool(features, (x.shape[-2], x.shape[-1])))[0]
        moments = middle_moments(prior.moments, x, inside)
        labels = mask[middles].astype(np.int64)
        height, width = labels.shape
        known = (labels != task.ignore_index) & (valid[0, 0].numpy()[middles] > 0)
        rows, cols = np.indices(labels.shape) * CELL // _BLOCK
        yield (
            moments[0, :, :height, :width].movedim(0, -1).numpy()[known],
            reduced[:height, :width].numpy()[known],
            labels[known],
            ((rows + cols) % 2 == 1)[known],
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print the table.

    Args:
        argv: Arguments, or None for those of the command line.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--data-root', type=Path, required=True)
    parser.add_argument('--datasets', nargs='+')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args(argv)
    lines, scores = [], []
    for task in folder_tasks(args.data_root, args.datasets):
        cells = Cells(task, args.seed)
        both = np.concatenate([cells.moments, cells.features], 1)
        scores.append([cells.probe(cells.moments), cells.probe(both)])
        lines.append([task.name, *(f'{score:.3f}' for score in scores[-1])])
        print(*lines[-1], flush=True)
    lines.append(['mean', *(f'{score:.3f}' for score in np.mean(scores, 0))])
    print(markdown(['task', 'moments', 'moments and features'], lines))


if __name__ == '__main__':
    main()
