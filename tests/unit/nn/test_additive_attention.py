"""Additive attention by hand."""

from __future__ import annotations

import math

import pytest
import torch

from nmt.nn.additive_attention import AdditiveAttention


def test_one_query_by_hand() -> None:
    attention = AdditiveAttention(1, 1, 1)
    with torch.no_grad():
        attention.query.weight.fill_(2.0)
        attention.query.bias.fill_(0.5)
        attention.key.weight.fill_(3.0)
        attention.energy.weight.fill_(4.0)
    source = torch.tensor([[[0.1], [-0.2], [9.0]]])
    values = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [7.0, 7.0]]])
    mask = torch.tensor([[True, True, False]])
    context, weights = attention(torch.tensor([[[0.25]]]), attention.project(source), values, mask)
    scores = [4 * math.tanh(2 * 0.25 + 0.5 + 3 * s) for s in (0.1, -0.2)]
    first = math.exp(scores[0]) / (math.exp(scores[0]) + math.exp(scores[1]))
    torch.testing.assert_close(weights, torch.tensor([[[first, 1 - first, 0.0]]]))
    torch.testing.assert_close(context, torch.tensor([[[first, 1 - first]]]))


@pytest.mark.parametrize("sources", [15, 60])
def test_the_querys_gradient_survives_mixed_precision(sources: int) -> None:
    """What reaches it is a small difference of large terms."""
    attention = AdditiveAttention(32, 32, 32)
    query, source, towards = torch.randn(8, 1, 32), torch.randn(8, sources, 32), torch.randn(8, 1, 32)
    mask = torch.ones(8, sources, dtype=torch.bool)

    def gradient(mixed: bool) -> torch.Tensor:
        attention.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            context, _ = attention(query, attention.project(source), source, mask)
        (context * towards).sum().backward()
        assert attention.query.weight.grad is not None
        return attention.query.weight.grad.clone()

    exact = gradient(mixed=False)
    assert (gradient(mixed=True) - exact).norm() < 0.02 * exact.norm()
