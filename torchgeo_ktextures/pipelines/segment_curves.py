# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Curves in the report of a segmentation, each with what it means."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..maps.charts import draw_curve

#: Titles and meanings of the criteria by which a number of classes is chosen.
_CRITERIA = {
    'score': 'Score: Stability times the root of persistence. Chosen is the largest '
    'number of classes whose score is still close to the best.',
    'stability': 'Stability: How well the class that is found worst is found again when '
    'the scene is looked at in other ways (lowest mean Jaccard index); 1 is the same. '
    'Higher is better.',
    'persistence': 'Persistence in space: How often the most scattered class goes on '
    'some 12 pixels away, beyond chance; 1 is always. Higher is better.',
    'agreement': 'Agreement: How alike all classes are when the scene is looked at in '
    'other ways (mean adjusted Rand index); 1 is the same. Higher is better.',
    'bic': 'Bayesian information criterion: How badly the mixture fits, with a penalty '
    'for each number in it. Lower is better, but neighbouring places are alike, so that '
    'it tends to ask for too many classes.',
    'aic': 'Akaike information criterion: How badly the mixture fits, with a small '
    'penalty for each number in it. Lower is better.',
    'log_likelihood': 'Log-likelihood: How well the mixture fits a place. It mostly rises '
    'with the number of classes, so look for a bend.',
    'silhouette': 'Silhouette: How much closer places are to their own class than to '
    'the next one, from -1 to 1. Higher is better.',
    'calinski_harabasz': 'Calinski-Harabasz index: Variance between classes over '
    'variance within them. Higher is better.',
    'davies_bouldin': 'Davies-Bouldin index: Spread of the classes over the distance '
    'between them. Lower is better.',
    'gap': 'Gap statistic: How much tighter classes are than in data without any. '
    'Higher is better.',
    'inertia': 'Inertia: Squared distances to the own class. It falls with every class, '
    'so look for a bend.',
}


def criteria_panel(selection: Mapping[str, Sequence[Any]] | None, chosen: int) -> str:
    """Draw the criteria by which the number of classes was chosen.

    Args:
        selection: Lists of equal length, as ``cv_results_`` of scikit-learn, one of
            them ``n_clusters``; or None.
        chosen: Number that was chosen.

    Returns:
        HTML, empty where there is nothing to draw.
    """
    if not selection or len(selection.get('n_clusters', ())) < 2:
        return ''
    numbers = [float(k) for k in selection['n_clusters']]
    parts = []
    # What decides comes first.
    for key, values in sorted(selection.items(), key=lambda item: item[0] != 'score'):
        if key == 'n_clusters' or not _are_numbers(values):
            continue
        usual = f'{key.replace("_", " ")}: One of the columns of selection_.'
        title, _, text = _CRITERIA.get(key, usual).partition(': ')
        curve = draw_curve(
            numbers, [float(v) for v in values], 'number of classes', title, chosen
        )
        if curve:
            parts.append(_figure(title, text, curve))
    if not parts:
        return ''
    return (
        f'<h2>How many classes?</h2><p>{chosen} classes were chosen: the circles. The '
        'dashed line is the number that is shown. For more, run the command again with a '
        'larger <code>--n-clusters</code>; the slider then goes back to fewer.</p>'
        f'<div class="curves">{"".join(parts)}</div>'
    )


def _figure(title: str, text: str, curve: str) -> str:
    return (
        f'<div><h3>{html.escape(title)}</h3><p class="note">{html.escape(text)}</p>'
        f'{curve}</div>'
    )


def _are_numbers(values: Sequence[Any]) -> bool:
    found = np.asarray(values)
    return found.ndim == 1 and found.dtype.kind in 'iuf'


def training_panel(
    history: Mapping[str, Sequence[tuple[int, float]]] | None,
) -> str:
    """Draw how the network has learned the classes.

    Args:
        history: Steps and losses by name, or None if there are none.

    Returns:
        HTML, empty where the curve tells nothing: without textures, masks are nearly
        right from the start.
    """
    simulated = any(name.startswith('similarity_') for name in history or ())
    if not history or not simulated or len(history.get('assignment', ())) < 2:
        return ''
    steps, losses = zip(*history['assignment'], strict=True)
    title = 'Error of the masks'
    text = (
        'Cross-entropy of the masks towards the class whose colour and texture fit '
        'each place best, in nats; 0 is full agreement. It falls and then levels off. '
        'Where it still falls at the end, more steps may help (option steps).'
    )
    curve = draw_curve(steps, losses, 'step', title, from_zero=True)
    figure = _figure(title, text, curve)
    return f'<h2>Training</h2><div class="curves">{figure}</div>'
