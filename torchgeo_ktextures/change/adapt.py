# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Adapting a fitted model to the light and the sensor of another scene."""

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from ..datasets.gains import Gains
from ..errors import DataWarning
from ..models import KTexturesModel
from ..outliers import robust_moments

type _Array = npt.NDArray[np.float64]

#: Number of patches that are looked at, at most, and their width in pixels.
_PATCHES, _WIDTH = 24, 48

#: Log-likelihood of a place that is like none of the classes, in nats. Places of the
#: scenes of a fit have about 30 on average.
_NONE = -20.0

#: Number of kinds of moments of a band that a gain stretches: its mean, and means of its
#: logarithm in two windows. Deviations are on a logarithmic scale, and only shift.
_STRETCHED = 3

#: Standard deviations of the logarithm of a gain, and of an offset in standard
#: deviations of a band, before a scene was seen, and number of places that this is
#: worth: places nearby are alike, so that a large scene says little more than a small
#: one. Half or double of each makes no difference.
_GAIN, _OFFSET, _WORTH = 0.3, 0.5, 10

#: First step of the search, of which a step that fails is halved, and its rounds.
_STEP, _ROUNDS = 0.08, 8

#: Share of a scene that is unlike all classes, or of one class, above which there is a
#: warning.
_UNLIKE, _ONE = 0.3, 0.9

#: Distance of a class from where it was, in its standard deviations, above which there
#: is a warning, and share of a scene that it must have.
_FAR, _SOME = 2.0, 0.01

#: Number of cells below which the mean of a class is not shown.
_FEW = 10


class Adaptation(NamedTuple):
    """What brings the bands of a scene to those that a model was fitted to."""

    gains: Gains
    #: Distance of each class from where the model has it, once bands are adapted, in
    #: standard deviations of the class, the root of the mean over bands; NaN for a
    #: class that is not there.
    moved: Sequence[float]
    #: Share of each class in the places that were looked at.
    shares: Sequence[float]
    #: Share of these places that is unlike all classes.
    unlike: float

    def sentence(self) -> str:
        """Say by how much each class moved.

        Returns:
            Text such as ``classes moved, in their standard deviations: 0 by 0.1``.
        """
        some = [f'{i} by {v:.1f}' for i, v in enumerate(self.moved) if np.isfinite(v)]
        text = f'classes moved, in their standard deviations: {", ".join(some)}; '
        return f'{text}{self.unlike:.0%} of the scene is unlike all classes'


def adapt_model(
    model: KTexturesModel, patches: Sequence[tuple[Tensor, Tensor]]
) -> Adaptation:
    """Find a gain and an offset of each band that make a scene fit the classes.

    The local moments of the scene are to be likely under the mixture of the model. All
    classes move together: one that is not there, or that is new, does not drag the
    others. What fits no class does not count, and small changes are more probable
    than large ones.

    That is constrained maximum likelihood linear regression, with a diagonal matrix, by
    which speech recognition adapts to a speaker.

    If you use this function in your research, please cite the following paper:

    * https://doi.org/10.1006/csla.1998.0043 (Gales, 1998)

    Args:
        model: Fitted model, which is left as it is.
        patches: Bands of shape ``(B, C, H, W)`` and validity of shape ``(B, 1, H, W)``
            of batches of patches of the scene.

    Returns:
        Lines, and how well the classes fit.

    Raises:
        ValueError: If the classes of the model are not told by colour, or the scene has
            too few valid pixels.

    Warns:
        DataWarning: If the scene is of other land cover.
    """
    weight = float(model.prior.mixture.color_weight)
    if not weight > 0:
        msg = 'the classes of this model are told by their textures, not by colour, so '
        msg += "that nothing tells how light has changed; use normalize='scene'"
        raise ValueError(msg)
    image, valid = _some(patches)
    pixels = image.movedim(1, -1)[valid[:, 0] > 0].numpy()
    least = 100 * model.num_classes
    if len(pixels) < least:
        msg = f'the scene has {len(pixels)} valid pixels to adapt the model to, but '
        msg += f'{model.num_classes} classes need {least}; give a larger scene, or '
        raise ValueError(msg + 'check nodata')
    n = model.normalizer
    mean, std = (v.cpu().double().numpy() for v in (n.mean, n.std))
    bands = len(mean)

    def lines(x: _Array) -> Gains:
        """Lines of normalized bands, by logarithms of gains and by offsets."""
        gain = np.exp(x[:bands])
        return Gains(gain, (1 - gain) * mean + x[bands:] * std)

    def score(x: _Array) -> float:
        likely = _look(model, image, valid, lines(x)).likelihood
        fits = float(torch.logaddexp(likely, likely.new_tensor(_NONE)).mean())
        before = (x[:bands] / _GAIN) ** 2, (x[bands:] / _OFFSET) ** 2
        stretch = weight * _STRETCHED * float(x[:bands].sum())
        return fits + stretch - float(np.sum(before)) / 2 / _WORTH

    # As it is, of the mean and standard deviation of the model, and in the middle.
    here, spread = robust_moments(pixels)
    gain = std / spread
    matched = np.r_[np.log(gain), -gain * (here - mean) / std]
    starts = (np.zeros(2 * bands), matched / 2, matched)
    found = max((_climb(score, start) for start in starts), key=lambda end: end[0])
    adapted = _describe(model, image, valid, lines(found[1]))
    _warn(adapted)
    return adapted


class _View(NamedTuple):
    """What a model sees in cells of a scene."""

    #: Log-likelihood, of shape ``(N,)``, double.
    likelihood: Tensor
    #: Probability of each class, of shape ``(N, k)``, if it is asked for.
    classes: Tensor | None = None
    #: Mean normalized bands, of shape ``(N, C)``, likewise.
    colors: Tensor | None = None


def _some(patches: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """The middle of some patches, and its validity."""
    image, valid = (torch.cat(part) for part in zip(*patches, strict=True))
    every = -(-len(image) // _PATCHES)
    rows, cols = (
        slice((n - min(n, _WIDTH)) // 2, (n + min(n, _WIDTH)) // 2)
        for n in image.shape[-2:]
    )
    return image[::every, :, rows, cols].cpu(), valid[::every, :, rows, cols].cpu()


@torch.no_grad()
def _look(
    model: KTexturesModel,
    image: Tensor,
    valid: Tensor,
    gains: Gains,
    more: bool = False,
) -> _View:
    """Look at a scene in other light."""
    gain, offset = (torch.from_numpy(v).float()[:, None, None] for v in gains)
    image = image * gain + offset
    # All of the same pixels, however far beyond the limits they are in this light.
    x, inside = model.prior.pad(model.prepare(image, valid), valid)
    stride = model.prior.mask_stride
    keep = F.avg_pool2d(inside, stride)[:, 0] > 0.5
    likelihood = model.prior.log_likelihood(x, inside)[:, 0][keep].double()
    if not more:
        return _View(likelihood)
    classes = model.prior.predict_proba(x, inside).movedim(1, -1)[keep].double()
    colors = F.avg_pool2d(x, stride).movedim(1, -1)[keep].double()
    return _View(likelihood, classes, colors)


def _climb(score: Callable[[_Array], float], start: _Array) -> tuple[float, _Array]:
    """Search along axes, with steps that grow where they help and else are halved.

    References:
        * https://doi.org/10.1145/321062.321069 (Hooke and Jeeves, 1961)
    """
    best, place = score(start), start
    steps = np.full(len(start), _STEP)
    for _ in range(_ROUNDS):
        for i in range(len(start)):
            for way in (1, -1):
                there = place.copy()
                there[i] += way * steps[i]
                found = score(there)
                if found > best:
                    best, place = found, there
                    steps[i] *= 1.5
                    break
            else:
                steps[i] /= 2
    return best, place


def _describe(
    model: KTexturesModel, image: Tensor, valid: Tensor, gains: Gains
) -> Adaptation:
    """Compare the classes of the scene with those of the model."""
    view = _look(model, image, valid, gains, more=True)
    assert view.classes is not None
    assert view.colors is not None
    like = view.likelihood > _NONE
    classes, colors = view.classes[like], view.colors[like]
    counts = classes.sum(0)
    centers = (classes.T @ colors) / counts[:, None].clamp(min=1e-9)
    gaussians = model.prior.mixture.gaussians
    bands = colors.shape[1]
    inverse = torch.linalg.inv(gaussians.precision_cholesky.cpu().double())
    # Means of bands come after those of their logarithms.
    linear = slice(bands, 2 * bands)
    variance = inverse.square().sum(2)[:, linear]
    mean = gaussians.mean.cpu().double()[:, linear]
    moved = ((centers - mean).square() / variance).mean(1).sqrt()
    moved[counts < _FEW] = torch.nan  # the mean of a handful of cells says nothing
    total = max(len(like), 1)
    shares = (counts / total).tolist()
    return Adaptation(gains, moved.tolist(), shares, 1 - int(like.sum()) / total)


def _warn(found: Adaptation) -> None:
    """Warn of scenes that have other land cover than the model knows."""
    lines = []
    if found.unlike > _UNLIKE:
        lines.append(f'{found.unlike:.0%} of the scene is unlike all classes')
    if max(found.shares) > _ONE:
        largest = int(np.argmax(found.shares))
        lines.append(
            f'{max(found.shares):.0%} of the scene is class {largest}, and one class '
            'does not tell a change of light from one of land cover'
        )
    far = [
        f'class {i} by {moved:.1f}'
        for i, (moved, share) in enumerate(zip(found.moved, found.shares, strict=True))
        if moved > _FAR and share > _SOME
    ]
    if far:
        lines.append(f'classes moved far ({", ".join(far)} standard deviations)')
    if lines:
        msg = f'the model does not fit the scene well: {"; ".join(lines)}. It may have '
        msg += 'other land cover: look at the map, or fit on all scenes together'
        warnings.warn(msg, DataWarning, stacklevel=4)
