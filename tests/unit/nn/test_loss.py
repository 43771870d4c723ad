"""Label smoothing against torch's own and against a number worked out by hand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nmt.nn.loss import label_smoothed_loss, weighted_log_likelihood


def test_known_answer() -> None:
    """Logits [2, 0, 0, 0]: -log p = 0.340753; with 0.1 smoothed over the other three, 0.540753."""
    loss = label_smoothed_loss(
        torch.tensor([[2.0, 0.0, 0.0, 0.0]]), torch.tensor([0]), torch.tensor([True]), smoothing=0.1
    )
    assert loss.likelihood.item() == pytest.approx(0.340753, abs=1e-6)
    assert loss.smoothed.item() == pytest.approx(0.540753, abs=1e-6)


@given(seed=st.integers(0, 1000), smoothing=st.sampled_from([0.0, 0.1, 0.3]), rows=st.integers(1, 150))
def test_equals_torch_with_the_smoothing_rescaled(seed: int, smoothing: float, rows: int) -> None:
    """Torch spreads e over all V entries, this loss over the V - 1 others: e * V / (V - 1) makes them the same."""
    torch.manual_seed(seed)
    size = 7
    logits = torch.randn(rows, size, dtype=torch.float32, requires_grad=True)
    targets, mask = torch.randint(size, (rows,)), torch.rand(rows) < 0.7
    ours = label_smoothed_loss(logits, targets, mask, smoothing)
    (ours_gradient,) = torch.autograd.grad(3.0 * ours.smoothed, logits)
    expected = torch.nn.functional.cross_entropy(
        logits, targets.masked_fill(~mask, -100), label_smoothing=smoothing * size / (size - 1), reduction="sum"
    )
    (expected_gradient,) = torch.autograd.grad(3.0 * expected, logits)
    torch.testing.assert_close(ours.smoothed, expected)
    torch.testing.assert_close(ours_gradient, expected_gradient)


def test_the_likelihood_carries_no_gradient() -> None:
    logits = torch.randn(2, 5, requires_grad=True)
    loss = label_smoothed_loss(logits, torch.tensor([1, 2]), torch.tensor([True, True]), 0.1)
    assert loss.smoothed.requires_grad
    assert not loss.likelihood.requires_grad


@given(seed=st.integers(0, 1000), temperature=st.sampled_from([0.5, 1.0, 3.0]), rows=st.integers(1, 150))
def test_weighted_log_likelihood_is_what_its_definition_says(seed: int, temperature: float, rows: int) -> None:
    torch.manual_seed(seed)
    logits = torch.randn(rows, 7, requires_grad=True)
    targets, weights = torch.randint(2, 7, (rows,)), torch.randn(rows) * (torch.rand(rows) < 0.7)
    targets[weights == 0] = 0  # padding, whose probability is taken to be 0
    ours = weighted_log_likelihood(logits, targets, weights, temperature, never=(0, 1))
    (ours_gradient,) = torch.autograd.grad(-ours, logits)
    table = torch.log_softmax(logits[:, 2:] / temperature, -1)
    expected = (table.gather(1, (targets - 2).clamp(min=0)[:, None]).squeeze(1) * weights).sum()
    (expected_gradient,) = torch.autograd.grad(-expected, logits)
    torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(ours_gradient, expected_gradient)
    assert (ours_gradient[weights == 0] == 0).all()
