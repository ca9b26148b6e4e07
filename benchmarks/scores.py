# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Scores of the maps of a task."""

from collections.abc import Sequence

import torch

from torchgeo_ktextures.metrics import BoundaryF1, ClusterMatching, rim_share

from .sets import Labels, Task, valid_pixels

#: Largest distance of boundaries that agree, in pixels.
BOUNDARY_TOLERANCE = 2.0

SCORES = (
    'accuracy',
    'miou',
    'majority_accuracy',
    'majority_miou',
    'nmi',
    'ari',
    'boundary_f1',
    'rim_share',
)


def score(task: Task, maps: Sequence[Labels], n_clusters: int) -> dict[str, float]:
    """Score the maps of all images of a task together.

    Pixels without a label and invalid pixels do not count. Boundaries are those between
    the classes that clusters are named by: matched one to one where there are not more
    clusters than classes, by majority elsewhere.

    Args:
        task: Images and labels.
        maps: Clusters of shape ``(H, W)``.
        n_clusters: Number of clusters.

    Returns:
        Value of each of :data:`SCORES`.

    Raises:
        ValueError: If a map is not of its image's size, or a valid pixel has no cluster.
    """
    ignore = task.ignore_index
    matching = ClusterMatching(n_clusters, task.num_classes, ignore)
    pairs = []
    for i, (image, mask, labels) in enumerate(
        zip(task.images, task.masks, maps, strict=True)
    ):
        if labels.shape != mask.shape:
            msg = f'map {i} of {task.name} is of shape {labels.shape}, but its labels '
            raise ValueError(msg + f'are of shape {mask.shape}')
        target = torch.from_numpy(mask.copy())
        target[torch.from_numpy(~valid_pixels(image))] = ignore
        preds = torch.from_numpy(labels.astype('int64'))
        matching.update(preds, target)
        pairs.append((preds, target))
    more = n_clusters > task.num_classes
    names = matching.majority_classes() if more else matching.matched_classes()
    boundary = BoundaryF1(BOUNDARY_TOLERANCE, ignore)
    for preds, target in pairs:
        boundary.update(names[preds.clamp(min=0)], target)
    values = {name: float(value) for name, value in matching.compute().items()}
    values['boundary_f1'] = float(boundary.compute())
    return values | {'rim_share': rim_share(maps, n_clusters)}
