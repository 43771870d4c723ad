"""Attention in several hops."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nmt.nn.dot_attention import DotAttention
from nmt.nn.hop_attention import HopAttention

QUERY, SOURCE, DIM = 6, 4, 5
MASK = torch.tensor([[True, True, True, False], [True, True, True, True]])


def inputs() -> tuple[Tensor, Tensor]:
    torch.manual_seed(2)
    return torch.randn(2, 3, QUERY), torch.randn(2, 4, SOURCE)


def attention(**options: Any) -> HopAttention:
    return HopAttention.Config.model_validate(options).build(QUERY, SOURCE, DIM)


def test_one_hop_without_residual_is_luongs_attention() -> None:
    (query, source), dot = inputs(), DotAttention(QUERY, SOURCE, DIM)
    hop = attention(hops=1, residual=False, scaled=False)
    key, value = hop.projections
    with torch.no_grad():
        dot.key.weight.copy_(key.weight)
        dot.value.weight.copy_(hop.read.weight @ value.weight)
        dot.query.weight.copy_(hop.query.weight)
    expected, expected_weights = dot(query, dot.project(source), MASK)
    found, weights = hop(query, hop.project(source), MASK)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(weights, expected_weights)


@pytest.mark.parametrize("tying", ["layer_wise", "adjacent"])
@pytest.mark.parametrize("scaled", [False, True])
def test_each_hop_is_one_attention_and_its_result_added(tying: str, scaled: bool) -> None:
    (query, source), found = inputs(), attention(hops=3, tying=tying, scaled=scaled)
    views, reader = found.project(source), query
    assert len(views) == (2 if tying == "layer_wise" else 4)
    for hop in range(3):
        key, value = (views[0], views[1]) if tying == "layer_wise" else (views[hop], views[hop + 1])
        read = nn.functional.scaled_dot_product_attention(
            reader, key, value, MASK[:, None], scale=1 / math.sqrt(QUERY) if scaled else 1.0
        )
        assert found.carry is not None
        matrix = found.carry.projection.weight if found.carry.projection is not None else torch.eye(QUERY)
        reader = reader @ matrix.T + read
    expected = torch.tanh(reader @ found.read.weight.T + query @ found.query.weight.T)
    torch.testing.assert_close(found(query, views, MASK)[0], expected)


def test_the_reported_attention_is_the_last_hops_or_the_mean() -> None:
    query, source = inputs()
    reported: dict[str, Tensor] = {}
    for name in ("last", "mean"):
        torch.manual_seed(3)
        found = attention(hops=2, reported=name)
        reported[name] = found(query, found.project(source), MASK)[1]
    torch.manual_seed(3)
    first = attention(hops=1)
    _, weights = first(query, first.project(source), MASK)
    torch.testing.assert_close(reported["mean"], (weights + reported["last"]) / 2)


def test_layer_wise_hops_share_their_weights() -> None:
    sizes = [sum(p.numel() for p in attention(hops=hops).parameters()) for hops in (1, 4)]
    assert sizes[0] == sizes[1] == 2 * SOURCE * QUERY + QUERY * QUERY + 2 * QUERY * DIM
    adjacent = sum(p.numel() for p in attention(hops=4, tying="adjacent").parameters())
    assert adjacent == 5 * SOURCE * QUERY + 2 * QUERY * DIM
