"""What makes the memory network a language model of its own: its equations, its window, its sizes and its start."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nmt.models.language.memory_network import MemoryNetworkLM
from nmt.models.weights import parameter_count
from nmt.nn.annealing import anneal
from nmt.nn.hops import LinearStart

VOCABULARY = 11
TOKENS = torch.tensor([[2, 5, 9, 4, 5, 7, 6, 10, 4]])


def built(**options: object) -> MemoryNetworkLM:
    torch.manual_seed(1)
    config = MemoryNetworkLM.Config.model_validate(
        {"model_dim": 6, "hops": 2, "memory": 4, "initial_std": 0.5} | options
    )
    decoder = config.build(1, VOCABULARY).eval().decoder
    assert isinstance(decoder, MemoryNetworkLM)
    return decoder


@torch.no_grad()
def logits(decoder: MemoryNetworkLM, tokens: Tensor = TOKENS) -> Tensor:
    return decoder.decode(tokens, torch.ones_like(tokens, dtype=torch.bool)).logits


@pytest.mark.parametrize("tying", ["layer_wise", "adjacent"])
def test_the_equations(tying: str) -> None:
    """Section 2 of the paper and the state of section 5, position by position."""
    decoder = built(tying=tying, linear_units=1 / 3)
    found = logits(decoder)[0]
    tables, times = [table.weight for table in decoder.embeddings], list(decoder.positions)
    for position in range(TOKENS.shape[1]):
        seen = TOKENS[0, max(0, position - 3) : position + 1].flip(0)  # the newest first
        query = torch.full((6,), 0.1)
        for hop in range(2):
            a, c = (hop, hop + 1) if tying == "adjacent" else (0, 1)
            weights = torch.softmax((tables[a][seen] + times[a][: len(seen)]) @ query, dim=0)
            read = weights @ (tables[c][seen] + times[c][: len(seen)])
            query = read + (query if decoder.carry.projection is None else decoder.carry.projection.weight @ query)
            query = torch.cat([query[:2], query[2:].relu()])
        torch.testing.assert_close(found[position], decoder.output.weight @ query)
    assert (tying == "adjacent") == (decoder.output.weight is tables[-1])


@pytest.mark.parametrize("memory", [1, 4])
def test_words_before_the_memory_change_nothing(memory: int) -> None:
    decoder, changed = built(memory=memory), TOKENS.clone()
    changed[0, 1] = 3
    before, after = logits(decoder), logits(decoder, changed)
    same = (before == after).all(-1)[0]
    torch.testing.assert_close(before[:, 1 + memory :], after[:, 1 + memory :], atol=1e-6, rtol=0)
    assert not same[1 : 1 + memory].any()


def test_with_even_memories_a_hop_reads_their_mean() -> None:
    decoder = built(hops=1, memory=3)
    with torch.no_grad():
        decoder.embeddings[0].weight.zero_()
        decoder.positions[0].zero_()
    found = logits(decoder)[0, 4]
    mean = (decoder.embeddings[1].weight[TOKENS[0, [4, 3, 2]]] + decoder.positions[1]).mean(0)
    assert decoder.carry.projection is not None
    query = decoder.carry.projection.weight @ torch.full((6,), 0.1) + mean
    torch.testing.assert_close(found, decoder.output.weight @ torch.cat([query[:3], query[3:].relu()]))


def parameters(**options: object) -> int:
    with torch.device("meta"):
        return parameter_count(MemoryNetworkLM.Config.model_validate(options).build(1, 10_000))


def test_tying_sets_the_number_of_parameters() -> None:
    words, times = 10_000 * 150, 100 * 150
    assert parameters() == parameters(hops=1) == 3 * words + 2 * times + 150 * 150
    assert parameters(tying="adjacent") == 7 * (words + times)
    assert parameters(preset="text8", hops=7) == 3 * 10_000 * 500 + 2 * 100 * 500 + 500 * 500


def test_after_a_linear_start_the_model_has_softmax() -> None:
    """It computes the same then as one without such a start."""
    decoder, plain = built(linear_start=LinearStart(until_update=1)), built()
    weights: dict[str, Any] = {name: value for name, value in decoder.state_dict().items() if name != "weights.linear"}
    plain.load_state_dict(weights)
    assert not torch.equal(logits(decoder), logits(plain))
    assert [anneal(decoder, update) for update in (1, 2, 3)] == [False, True, False]
    assert torch.equal(logits(decoder), logits(plain))
