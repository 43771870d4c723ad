"""Recurrences of a constant diagonal matrix at once are those step by step, in every form, with their gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nmt.nn import diagonal_scan as forms
from nmt.nn.diagonal_scan import diagonal_scan, plain_diagonal_scan

FORMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "in turn": forms._in_turn,
    "doubling": forms._doubling,
    "in chunks of one": lambda decay, update: forms._chunked(decay, update, 1),
    "in three chunks or more": lambda decay, update: forms._chunked(decay, update, max(1, update.shape[1] // 3)),
    "in one chunk": lambda decay, update: forms._chunked(decay, update, update.shape[1]),
}
LENGTHS = (1, 2, 3, 17, 64)
DEVICES = ("cpu", "cpu, few long sequences", "any other")

forward_and_backward = pytest.mark.parametrize("backwards", [False, True])
every_form = pytest.mark.parametrize("form", FORMS)
every_choice = pytest.mark.parametrize("device", DEVICES)


def inputs(seed: int, length: int, dtype: torch.dtype = torch.complex128) -> tuple[Tensor, Tensor]:
    """Of 2 sequences and 3 states, each with a gradient."""
    random = torch.Generator().manual_seed(seed)
    decay = torch.randn(3, generator=random, dtype=dtype)
    decay = decay / decay.abs() * torch.tensor([0.999, 0.9, 0.3])
    return decay.requires_grad_(), torch.randn(2, length, 3, generator=random, dtype=dtype).requires_grad_()


@pytest.fixture
def chosen(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `diagonal_scan` choose as it would for a device and shape."""
    if device == "any other":
        monkeypatch.setattr(forms, "_is_cpu", lambda tensor: False)
    monkeypatch.setattr(forms, "_LEAST_CHUNKS", 2 if "long" in device else 10**9)


@every_form
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), length=st.sampled_from(LENGTHS) | st.integers(1, 40))
def test_every_form_is_the_definition(form: str, seed: int, length: int) -> None:
    decay, update = (tensor.detach() for tensor in inputs(seed, length))
    before = update.clone()
    torch.testing.assert_close(FORMS[form](decay, update), plain_diagonal_scan(decay, update))
    assert torch.equal(update, before)


@every_choice
@forward_and_backward
@pytest.mark.parametrize("dtype", [torch.complex128, torch.float64])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.usefixtures("chosen")
def test_the_gradient_is_that_of_the_definition(length: int, dtype: torch.dtype, backwards: bool) -> None:
    decay, update = inputs(length, length, dtype)
    weights = torch.randn(update.shape, generator=torch.Generator().manual_seed(1), dtype=dtype)

    def gradients(form: Callable[..., Tensor]) -> tuple[Tensor, ...]:
        states = form(decay, update, backwards=backwards)
        loss = (states.abs().square() + (states * weights).real).sum()
        return states.detach(), *torch.autograd.grad(loss, (decay, update), materialize_grads=True)

    torch.testing.assert_close(gradients(diagonal_scan), gradients(plain_diagonal_scan))


def test_few_long_sequences_go_in_chunks_and_many_short_ones_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def chunked(decay: Tensor, update: Tensor, size: int) -> Tensor:
        sizes.append((tuple(update.shape[:2]), size))
        return update

    monkeypatch.setattr(forms, "_chunked", chunked)
    decay = torch.full((64,), 0.5)
    for shape in [(1, 8192), (4, 1024), (128, 32), (1, 20)]:
        diagonal_scan(decay, torch.ones(*shape, 64))
    assert sizes == [((1, 8192), 91), ((4, 1024), 32)]


@every_form
def test_a_long_sequence_stays_exact(form: str) -> None:
    """Also of states that are forgotten at once, or never."""
    decay, update = (tensor.detach() for tensor in inputs(0, 3000, torch.complex64))
    decay = torch.stack([decay[0], torch.tensor(0j), torch.tensor(0.6 + 0.8j)])
    exact = plain_diagonal_scan(decay.to(torch.complex128), update.to(torch.complex128))
    torch.testing.assert_close(FORMS[form](decay, update), exact.to(torch.complex64), atol=1e-3, rtol=1e-3)


def test_training_keeps_memory_linear_in_length() -> None:
    def kept(length: int) -> int:
        sizes: list[int] = []

        def note(tensor: Tensor) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        decay, update = inputs(0, length)
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            diagonal_scan(decay, update)
        return sum(sizes) - decay.numel()

    assert kept(8192) == 2 * kept(4096) == 2 * 8192 * 3
