"""Dropout's bulk random bits are as random as they should be."""

from __future__ import annotations

import pytest
import torch

from nmt.nn.dropout import Dropout, keep_mask


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.9])
def test_share_and_scale(p: float, dtype: torch.dtype) -> None:
    mask = keep_mask(torch.empty(1000, 1001, dtype=dtype), p)
    kept = mask != 0
    assert kept.float().mean().item() == pytest.approx(1 - p, abs=4 * (p * (1 - p) / mask.numel()) ** 0.5)
    assert mask[kept].unique().tolist() == pytest.approx([1 / (1 - p)], rel=1e-2 if dtype == torch.bfloat16 else 1e-4)


def test_neighbours_are_independent() -> None:
    """Four draws share one random word; the correlation of any two places must vanish all the same."""
    kept = (keep_mask(torch.empty(400_000), 0.4) != 0).float() - 0.6
    for lag in (1, 2, 3, 4, 8):
        assert abs((kept[:-lag] * kept[lag:]).mean().item()) < 0.24 * 4 / 400_000**0.5


def test_the_seed_decides_and_evaluation_changes_nothing() -> None:
    dropout, x = Dropout(0.5), torch.randn(33)
    torch.manual_seed(1)
    first = dropout(x)
    torch.manual_seed(1)
    assert torch.equal(dropout(x), first)
    assert not torch.equal(dropout(x), first)
    assert dropout.eval()(x) is x


def test_the_gradient_is_the_mask() -> None:
    x = torch.ones(50, requires_grad=True)
    y = Dropout(0.5)(x)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, y.detach())
