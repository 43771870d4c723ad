"""Clipping shortens a gradient and leaves its direction."""

from __future__ import annotations

import pytest
import torch

from nmt.training.gradients import Clip


def test_a_gradient_is_shortened_to_the_norm_and_no_further() -> None:
    gradients = torch.ones(16)
    before = Clip(norm=1e9).apply(gradients, 1.0, key=1)
    assert before.item() == torch.linalg.vector_norm(gradients).item() == 4.0
    assert Clip(norm=0.25).apply(gradients, 1.0, key=1).item() == 4.0
    torch.testing.assert_close(gradients, torch.full((16,), 1 / 16), rtol=1e-4, atol=0)


@pytest.mark.parametrize("norm", [0.0, 100.0])
def test_the_norm_is_that_of_the_mean(norm: float) -> None:
    gradients = torch.full((4,), 3.0)
    assert Clip(norm=norm).apply(gradients, 0.5, key=1).item() == 3.0
    torch.testing.assert_close(gradients, torch.full((4,), 1.5))


@pytest.mark.parametrize("norm", [0.0, 1.0])
def test_what_is_not_finite_is_told(norm: float) -> None:
    assert not Clip(norm=norm).apply(torch.tensor([1.0, torch.inf]), 1.0, key=1).isfinite()
