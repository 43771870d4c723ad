from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.nn.kernels.continuations import best_sums, block_size, plain_best_sums


@pytest.mark.parametrize(("vocabulary", "block"), [(8000, 64), (32000, 64), (4000, 80), (5000, 0), (1000, 0)])
def test_block_size_divides_the_vocabulary(vocabulary: int, block: int) -> None:
    assert block_size(vocabulary, 10) == block


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 2**32),
    sentences=st.integers(1, 4),
    beam=st.integers(1, 5),
    vocabulary=st.sampled_from([7, 1003, 1024, 4000, 8000]),
    levels=st.sampled_from([0, 3, 40]),
    pruned=st.sampled_from([0.0, 0.5, 0.999]),
)
def test_two_stages_equal_one(
    seed: int, sentences: int, beam: int, vocabulary: int, levels: int, pruned: float
) -> None:
    """The same sums to the last bit, ties and -inf included, and each sum is that of the continuation it names."""
    random = torch.Generator().manual_seed(seed)
    table = torch.randn((sentences, beam, vocabulary), generator=random)
    if levels:
        table = (table * levels).round() / levels  # many exact ties
    table[torch.rand(table.shape, generator=random) < pruned] = float("-inf")
    live = -torch.rand((sentences, beam), generator=random)
    live[:, 1:][torch.rand((sentences, beam - 1), generator=random) < 0.3] = float("-inf")
    sums, parents, tokens = best_sums(table, live, 2 * beam)
    expected, _, _ = plain_best_sums(table, live, 2 * beam)
    assert torch.equal(sums, expected)
    rows = torch.arange(sentences)[:, None]
    assert torch.equal(table[rows, parents, tokens] + live.gather(1, parents), sums)
    chosen = (parents * vocabulary + tokens).sort(1).values
    assert (chosen[:, 1:] != chosen[:, :-1]).all(), "a continuation was chosen twice"


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32), vocabulary=st.sampled_from([50, 8000]))
def test_ties_are_broken_alike_wherever_the_sentence_stands(seed: int, vocabulary: int) -> None:
    random = torch.Generator().manual_seed(seed)
    table = torch.randint(-3, 0, (6, 2, vocabulary), generator=random).float()
    live = torch.zeros((6, 2))
    order = torch.randperm(6, generator=random)
    together = best_sums(table, live, 4)
    moved = best_sums(table[order], live, 4)
    alone = best_sums(table[order[:1]], live[:1], 4)
    for all_of_them, some, one in zip(together, moved, alone, strict=True):
        assert torch.equal(all_of_them[order], some)
        assert torch.equal(some[:1], one)
