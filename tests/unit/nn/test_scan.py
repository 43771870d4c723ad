"""Recurrences at once are those step by step, in every form, with their gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nmt.nn import scan as forms
from nmt.nn.scan import plain_scan, scan


def inputs(seed: int, sentences: int, length: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    shape = (sentences, length, 3)
    decay = torch.sigmoid(4 * torch.randn(shape, generator=random, dtype=dtype))
    return decay.requires_grad_(), torch.randn(shape, generator=random, dtype=dtype).requires_grad_()


@pytest.mark.parametrize("states", [forms._in_turn, forms._doubling])
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), sentences=st.integers(1, 3), length=st.integers(1, 40))
def test_every_form_is_the_definition(
    states: Callable[[Tensor, Tensor], Tensor], seed: int, sentences: int, length: int
) -> None:
    decay, update = inputs(seed, sentences, length)
    torch.testing.assert_close(states(decay.detach(), update.detach()), plain_scan(decay, update).detach())


@pytest.mark.parametrize("device", ["cpu", "any other"])
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), sentences=st.integers(1, 3), length=st.integers(1, 40))
def test_the_gradient_is_that_of_the_definition(device: str, seed: int, sentences: int, length: int) -> None:
    decay, update = inputs(seed, sentences, length)
    weights = torch.randn(update.shape, generator=torch.Generator().manual_seed(1), dtype=update.dtype)

    def gradients(form: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, ...]:
        loss = (form(decay, update).square() * weights).sum()
        return torch.autograd.grad(loss, (decay, update), materialize_grads=True)

    with pytest.MonkeyPatch.context() as patch:
        if device != "cpu":
            patch.setattr(forms, "_is_cpu", lambda tensor: False)
        found = gradients(scan)
    expected = gradients(plain_scan)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("states", [forms._in_turn, forms._doubling])
def test_a_long_sequence_stays_exact(states: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Also where a gate is shut for good, which forms that divide by products of decays do not survive."""
    decay, update = inputs(0, 2, 3000, torch.float32)
    decay, update = decay.detach(), update.detach()
    decay[:, 100:200] = 0.0
    decay[:, 300:] = 1e-6
    exact = plain_scan(decay.double(), update.double())
    torch.testing.assert_close(states(decay, update), exact.float(), atol=1e-5, rtol=1e-5)
