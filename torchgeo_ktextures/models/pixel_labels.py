# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""From logits on the mask grid to what is said of each pixel."""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from ..clustering import PixelEvidence
from ..clustering.settings import CONTEXT, LEAST_PROBABILITY
from .mask_network import upsample_logits

#: Logit of a class that no cell around a pixel is of.
_LEAST = math.log(LEAST_PROBABILITY)

#: Pixels that are compared at once: what is known of them stays in the cache.
_CHUNK = 2**16


def upsample_labels(
    logits: Tensor,
    stride: int,
    size: tuple[int, int],
    evidence: PixelEvidence | None = None,
) -> Tensor:
    """Find the class of each pixel from logits on the mask grid.

    The result is the argmax of :func:`pixel_logits`. Between four cells with the same
    class, a pixel is of that class, so only the others are computed.

    Args:
        logits: Logits of shape ``(B, k, ceil(H / s), ceil(W / s))``.
        stride: Mask stride s.
        size: Height and width in pixels, ``(H, W)``.
        evidence: What pixels say of their class, if they say anything.

    Returns:
        Labels of shape ``(B, H, W)``, int16 or, for many classes, int32.
    """
    classes = logits.shape[1]
    dtype = torch.int16 if classes < 2**15 else torch.int32
    if stride == 1:
        return _argmax(logits.transpose(0, 1)).to(dtype)[:, : size[0], : size[1]]
    places = _Places(logits, stride)
    labels = places.first[..., None].expand(*places.shape, stride**2).to(dtype)
    labels = labels.contiguous()
    flat = labels.view(-1, stride**2)
    for part in places.parts():
        if evidence is None:
            flat[places.mixed[part]] = _argmax(places.interpolate(part)).to(dtype)
        else:
            found, own = places.compare(part, evidence)
            winner = own.gather(1, _argmax(found.movedim(1, 0)))
            flat[places.mixed[part]] = winner.to(dtype)
    labels = labels.view(*places.shape, stride, stride)
    labels = labels.transpose(2, 3).flatten(3).flatten(1, 2)
    half = stride // 2
    return labels[:, half : half + size[0], half : half + size[1]]


def pixel_logits(
    logits: Tensor,
    stride: int,
    size: tuple[int, int],
    evidence: PixelEvidence | None = None,
) -> Tensor:
    """Compute logits of each pixel from those on the mask grid.

    Logits are interpolated between cells. Where cells around a pixel are of different
    classes and pixels say something, the pixel is of one of these, and both count.

    Args:
        logits: Logits of shape ``(B, k, ceil(H / s), ceil(W / s))``.
        stride: Mask stride s.
        size: Height and width in pixels, ``(H, W)``.
        evidence: What pixels say of their class, if they say anything.

    Returns:
        Logits of shape ``(B, k, H, W)``.
    """
    pixels = upsample_logits(logits, stride, size)
    if evidence is None or stride == 1:
        return pixels
    places = _Places(logits, stride)
    half = stride // 2
    rows, cols = (n * stride for n in places.shape[1:])
    margins = (half, cols - half - size[1], half, rows - half - size[0])
    padded = F.pad(pixels, margins)
    shape = (
        len(padded),
        places.classes,
        rows // stride,
        stride,
        cols // stride,
        stride,
    )
    by_place = padded.view(shape).permute(0, 2, 4, 1, 3, 5)
    for part in places.parts():
        found, own = places.compare(part, evidence)
        found = found.log_softmax(1).clamp(min=_LEAST)
        whole = found.new_full((len(own), places.classes, stride**2), _LEAST)
        # Where cells share a class, all but the first of them are as low as can be.
        whole.scatter_reduce_(1, own[..., None].expand_as(found), found, 'amax')
        where = torch.unravel_index(places.mixed[part], places.shape)
        by_place[where] = whole.view(-1, places.classes, stride, stride)
    return padded[..., half : half + size[0], half : half + size[1]]


@torch.inference_mode()
def class_confidence(
    logits: Tensor,
    stride: int,
    size: tuple[int, int],
    evidence: PixelEvidence | None = None,
) -> Tensor:
    """How far ahead the class of each pixel is.

    Args:
        logits: Logits of shape ``(B, k, ceil(H / s), ceil(W / s))``.
        stride: Mask stride s.
        size: Height and width in pixels, ``(H, W)``.
        evidence: What pixels say of their class, if they say anything.

    Returns:
        Difference of the two highest probabilities in percent, of shape ``(B, H, W)``,
        int16.
    """
    best = pixel_logits(logits, stride, size, evidence).softmax(1).topk(2, 1).values
    return ((best[:, 0] - best[:, 1]) * 100).round().to(torch.int16)


class _Places:
    """The squares between the middles of four cells, at the border of fewer."""

    def __init__(self, logits: Tensor, stride: int) -> None:
        """Find the places whose cells are of different classes."""
        self.stride = stride
        batch, self.classes, height, width = logits.shape
        padded = F.pad(logits, (1, 1, 1, 1), mode='replicate')
        #: Number of images, and of places in a column and in a row.
        self.shape = batch, height + 1, width + 1
        # (B, h + 2, w + 2, k): the vectors of a cell side by side.
        vectors = padded.permute(0, 2, 3, 1).contiguous()
        coarse = vectors.argmax(-1)
        corners = [
            coarse[:, i : i + height + 1, j : j + width + 1]
            for i in (0, 1)
            for j in (0, 1)
        ]
        #: Class of the first cell of each place.
        self.first = corners[0]
        mixed = torch.stack([self.first != other for other in corners[1:]]).any(0)
        #: Numbers of the places whose cells differ.
        self.mixed = mixed.flatten().nonzero()[:, 0]
        rows = self.mixed // (width + 1)
        # A row of cells has one more than there are places.
        cells = rows * (width + 2) + self.mixed % (width + 1)
        cells += rows // (height + 1) * (width + 2)
        steps = torch.tensor([0, 1, width + 2, width + 3], device=logits.device)
        self._cells = cells[:, None] + steps
        self._vectors, self._coarse = vectors.flatten(0, 2), coarse.flatten()
        offset = (torch.arange(stride, device=logits.device) + 0.5) / stride
        one = torch.stack([1 - offset, offset])
        self._weights = torch.einsum('ip,jq->ijpq', one, one).reshape(4, -1)

    def parts(self) -> Iterator[slice]:
        """Parts of the places whose cells differ, which are small enough."""
        step = max(1, _CHUNK // (self.stride + 2) ** 2)
        for i in range(0, len(self.mixed), step):
            yield slice(i, i + step)

    def interpolate(self, part: slice) -> Tensor:
        """Logits of all classes, of shape ``(k, n, s * s)``."""
        values = self._vectors[self._cells[part]]
        return torch.einsum('nck,cp->knp', values, self._weights)

    def compare(self, part: slice, evidence: PixelEvidence) -> tuple[Tensor, Tensor]:
        """Logits of the classes of the four cells, and these classes.

        They are of shape ``(n, 4, s * s)`` and ``(n, 4)``. Of cells that share a class,
        all but the first have the lowest logits.
        """
        own = self._coarse[self._cells[part]]
        values = self._vectors[self._cells[part]]
        values = values.gather(2, own[:, None].expand(-1, 4, -1))
        around = torch.einsum('ncj,cp->njp', values, self._weights)
        found = CONTEXT * around + evidence(self.mixed[part], own)
        for j in range(1, 4):
            again = (own[:, j : j + 1] == own[:, :j]).any(1)
            found[:, j].masked_fill_(again[:, None], -torch.inf)
        return found, own


def _argmax(values: Tensor) -> Tensor:
    """Argmax over the first dimension, faster than ``argmax`` on a CPU."""
    best = values[0].clone()
    labels = torch.zeros(best.shape, dtype=torch.int64, device=best.device)
    for i, value in enumerate(values[1:], 1):
        labels.masked_fill_(value > best, i)
        torch.maximum(best, value, out=best)
    return labels
