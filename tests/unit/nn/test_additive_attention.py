"""Additive attention by hand."""

from __future__ import annotations

import math

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
