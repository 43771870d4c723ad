"""Caches of decoded positions: whatever search does with the hypotheses, each attends to its own past."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nmt.nn.decoded import Decoded
from nmt.nn.keys_values import KeysValues
from nmt.nn.mixers import CausalAttention

HEADS, DIM = 2, 8


def attention() -> CausalAttention:
    torch.manual_seed(0)
    return CausalAttention(DIM, HEADS, 0.0).double().eval()


def nothing(sentences: int, beam: int) -> Decoded[KeysValues]:
    like = torch.empty(0, dtype=torch.float64)
    return Decoded.nothing([attention().begin(sentences, beam, like)], like, sentences, beam)


@torch.no_grad()
def step(layer: CausalAttention, x: Tensor, decoded: Decoded[KeysValues]) -> tuple[Tensor, Decoded[KeysValues]]:
    """x: [B, K, D]."""
    slot = decoded.next_slot()
    found, past = layer.step(x, decoded.layers[0], slot)
    return found, decoded.advanced(slot, [past])


@settings(max_examples=25, deadline=None)
@given(data=st.data(), sentences=st.integers(1, 3), beam=st.integers(1, 3), length=st.integers(1, 40))
def test_each_hypothesis_sees_its_own_past_after_any_selections(
    data: st.DataObject, sentences: int, beam: int, length: int
) -> None:
    """Reordered within sentences, sentences dropped, and fewer hypotheses of each, as sampling does."""
    layer, decoded = attention(), nothing(sentences, beam)
    past: list[list[Tensor]] = [[] for _ in range(sentences * beam)]  # what each hypothesis was given
    for _ in range(length):
        x = torch.randn(sentences, beam, DIM, dtype=torch.float64)
        found, decoded = step(layer, x, decoded)
        past = [[*before, now] for before, now in zip(past, x.flatten(0, 1), strict=True)]
        for row, whole in enumerate(past):
            alone = layer(torch.stack(whole)[None], torch.ones(1, len(whole), dtype=torch.bool))[0, -1]
            torch.testing.assert_close(found.flatten(0, 1)[row], alone)
        if data.draw(st.booleans()):
            stay = sorted(data.draw(st.sets(st.integers(0, sentences - 1), min_size=1)))
            fewer = data.draw(st.integers(1, beam))
            rows = [s * beam + data.draw(st.integers(0, beam - 1)) for s in stay for _ in range(fewer)]
            decoded, past = decoded.select(torch.tensor(rows)), [past[row] for row in rows]
            sentences, beam = len(stay), fewer
    assert (decoded.length, decoded.beam) == (length, beam)


def test_reordering_hypotheses_copies_no_keys() -> None:
    _, decoded = step(attention(), torch.randn(3, 2, DIM, dtype=torch.float64), nothing(3, 2))
    reordered = decoded.select(torch.tensor([1, 1, 2, 3, 5, 4]))
    assert reordered.layers[0].keys.data_ptr() == decoded.layers[0].keys.data_ptr()
    assert reordered.own[:, :, 0].tolist() == [[1, 1], [0, 1], [1, 0]]


@pytest.mark.parametrize("beam", [1, 4])
def test_room_is_made_a_few_times_only(beam: int) -> None:
    layer, decoded, moves, before = attention(), nothing(2, beam), 0, 0
    for _ in range(100):
        _, decoded = step(layer, torch.randn(2, beam, DIM, dtype=torch.float64), decoded)
        here = decoded.layers[0].keys.data_ptr()
        moves, before = moves + (here != before), here
    assert moves <= 4
