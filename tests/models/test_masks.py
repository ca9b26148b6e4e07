# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchgeo_ktextures.models import hard_masks

shapes = st.tuples(
    st.integers(1, 3), st.integers(2, 7), st.integers(1, 9), st.integers(1, 9)
)


@settings(deadline=None, max_examples=60)
@given(shapes, st.integers(0, 2**31), st.booleans(), st.floats(0.01, 100))
def test_one_binary_class_per_pixel(
    shape: tuple[int, int, int, int], seed: int, ties: bool, slope: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(shape, generator=generator) * 3
    if ties:
        logits = logits.round()
    for requires_grad in (False, True):
        masks = hard_masks(logits.clone().requires_grad_(requires_grad), slope)
        assert ((masks == 0) | (masks == 1)).all()
        assert (masks.sum(1) == 1).all()
        assert torch.equal(masks.argmax(1), logits.argmax(1))


def test_all_equal_is_one_class() -> None:
    masks = hard_masks(torch.zeros(1, 5, 4, 4, requires_grad=True))
    assert (masks.sum(1) == 1).all()


@settings(deadline=None, max_examples=60)
@given(shapes, st.integers(0, 2**31), st.floats(0.02, 2))
def test_gradient_is_that_of_clipped_margins(
    shape: tuple[int, int, int, int], seed: int, slope: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(shape, generator=generator, dtype=torch.double) * 3
    weights = torch.randn(shape, generator=generator, dtype=torch.double)
    soft = logits.clone().requires_grad_()
    values = []
    for i in range(shape[1]):
        others = torch.cat([soft[:, :i], soft[:, i + 1 :]], 1).amax(1)
        values.append((0.5 + slope * (soft[:, i] - others)).clamp(0, 1))
    (torch.stack(values, 1) * weights).sum().backward()
    hard = logits.clone().requires_grad_()
    (hard_masks(hard, slope) * weights).sum().backward()
    assert soft.grad is not None
    assert hard.grad is not None
    assert torch.allclose(hard.grad, soft.grad)


def test_gradient_is_that_of_the_hard_sigmoid() -> None:
    logits = torch.tensor([[0.3, 0.1], [8.0, 0.0]]).T.reshape(1, 2, 2, 1)
    logits.requires_grad_(True)
    hard_masks(logits, slope=2.0)[:, 0].sum().backward()
    assert logits.grad is not None
    # A narrow margin gets the slope, a wide one nothing.
    expected = torch.tensor([[2.0, 0.0], [-2.0, 0.0]]).reshape(1, 2, 2, 1)
    assert torch.allclose(logits.grad, expected)
    steep = logits.detach().clone().requires_grad_(True)
    hard_masks(steep, slope=10.0)[:, 0].sum().backward()
    assert steep.grad is not None
    assert not steep.grad.any()
