"""Luong's attention by hand."""

from __future__ import annotations

import math

import pytest
import torch

from nmt.nn.dot_attention import DotAttention


def test_one_query_by_hand() -> None:
    attention = DotAttention(1, 2, 1)
    with torch.no_grad():
        attention.key.weight.copy_(torch.tensor([[3.0, -1.0]]))
        attention.value.weight.copy_(torch.tensor([[0.5, 2.0]]))
        attention.query.weight.fill_(-1.5)
    source = torch.tensor([[[0.1, 0.4], [-0.2, 0.3], [9.0, 9.0]]])
    mask = torch.tensor([[True, True, False]])
    attended, weights = attention(torch.tensor([[[0.25]]]), attention.project(source), mask)
    scores = [0.25 * (3 * a - b) for a, b in ((0.1, 0.4), (-0.2, 0.3))]
    first = math.exp(scores[0]) / (math.exp(scores[0]) + math.exp(scores[1]))
    context = [first * 0.1 + (1 - first) * -0.2, first * 0.4 + (1 - first) * 0.3]
    torch.testing.assert_close(weights, torch.tensor([[[first, 1 - first, 0.0]]]))
    assert attended.item() == pytest.approx(math.tanh(0.5 * context[0] + 2 * context[1] - 1.5 * 0.25))


def test_each_query_of_a_sentence_is_on_its_own() -> None:
    attention = DotAttention(6, 8, 5)
    query, source, mask = torch.randn(3, 4, 6), torch.randn(3, 7, 8), torch.ones(3, 7, dtype=torch.bool)
    together, weights = attention(query, attention.project(source), mask)
    assert together.shape == (3, 4, 5)
    for k in range(4):
        alone, its_weights = attention(query[:, k : k + 1], attention.project(source), mask)
        torch.testing.assert_close(together[:, k : k + 1], alone)
        torch.testing.assert_close(weights[:, k : k + 1], its_weights)
