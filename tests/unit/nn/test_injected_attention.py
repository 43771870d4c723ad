"""Self-attention with injection: what it computes, and that steps compute the same."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nmt.nn.decoded import Decoded
from nmt.nn.injected_attention import InjectedSelfAttention
from nmt.nn.keys_values import KeysValues

LENGTH, DIM, HEADS = 6, 8, 2


def attention_and_input() -> tuple[InjectedSelfAttention, Tensor, Tensor]:
    torch.manual_seed(0)
    attention = InjectedSelfAttention(DIM, HEADS, dropout=0.0).double()
    return (
        attention,
        torch.randn(3, LENGTH, DIM, dtype=torch.float64),
        torch.randn(3, LENGTH, 3 * DIM, dtype=torch.float64),
    )


def by_hand(attention: InjectedSelfAttention, z: Tensor, injection: Tensor, allowed: Tensor) -> Tensor:
    """Head by head; allowed: [B, T, T] bool."""
    projected = z @ attention.input.weight.T + injection
    contexts = []
    for head in range(HEADS):
        columns = slice(head * DIM // HEADS, (head + 1) * DIM // HEADS)
        queries, keys, values = (part[..., columns] for part in projected.chunk(3, -1))
        scores = queries @ keys.transpose(1, 2) / math.sqrt(DIM // HEADS)
        contexts.append(scores.masked_fill(~allowed, -math.inf).softmax(-1) @ values)
    return torch.cat(contexts, -1) @ attention.output.weight.T + attention.output.bias


@pytest.mark.parametrize("causal", [True, False])
def test_it_is_the_equation(causal: bool) -> None:
    attention, z, injection = attention_and_input()
    mask = torch.ones(3, LENGTH, dtype=torch.bool)
    mask[1, 4:] = False
    allowed = torch.ones(LENGTH, LENGTH).tril().bool().expand(3, -1, -1) if causal else mask[:, None].expand(-1, 6, -1)
    found = attention(z, injection, None if causal else mask[:, None, None])
    torch.testing.assert_close(found, by_hand(attention, z, injection, allowed))


@settings(max_examples=10)
@given(repeats=st.integers(1, 3))
def test_steps_give_what_the_whole_gives_however_often_a_position_is_tried(repeats: int) -> None:
    attention, z, injection = attention_and_input()
    whole = attention(z, injection, None)
    decoded = Decoded.nothing([KeysValues.nothing(z, 3, HEADS, DIM // HEADS)], z, 3, 1)
    for position in range(LENGTH):
        slot, now = decoded.next_slot(), slice(position, position + 1)
        (past,) = decoded.layers
        for _ in range(repeats):
            attention.step(torch.randn(3, 1, DIM, dtype=torch.float64), injection[:, now], past, slot)
        found = attention.step(z[:, now], injection[:, now], past, slot)
        torch.testing.assert_close(found, whole[:, now])
        decoded = decoded.advanced(slot, [past])
