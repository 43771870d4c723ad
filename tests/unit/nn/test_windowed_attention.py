"""Attention to the last positions: as the sums that define it, for texts shorter and longer than the window."""

from __future__ import annotations

import pytest
import torch

from nmt.nn.windowed_attention import blocks_of, items_there, last_items, window_mean, window_scores

DIM = 3


@pytest.mark.parametrize(("length", "items"), [(1, 1), (5, 1), (5, 5), (4, 3), (7, 3), (9, 4), (3, 2)])
def test_scores_and_means_are_their_definitions(length: int, items: int) -> None:
    torch.manual_seed(1)
    keys, values, query = torch.randn(3, 2, length, DIM).unbind(0)
    key_distances, value_distances = torch.randn(2, items, DIM).unbind(0)
    blocks, block = blocks_of(length, items)
    padded = torch.nn.functional.pad(query, (0, 0, 0, blocks * block - length)).view(2, blocks, block, DIM)
    scores = window_scores(padded, last_items(keys, items), key_distances)
    there = items_there(length, items, keys.device)
    weights = torch.randn(scores.shape) * there
    means = window_mean(weights, last_items(values, items), value_distances).flatten(1, 2)
    for position in range(length):
        at = divmod(position, block)
        seen = range(max(0, position - items + 1), position + 1)
        assert there[at].tolist() == [False] * (items - len(seen)) + [True] * len(seen)
        expected = torch.stack(
            [((keys[:, j] + key_distances[position - j]) * query[:, position]).sum(-1) for j in seen], dim=-1
        )
        torch.testing.assert_close(scores[:, at[0], at[1]][:, -len(seen) :], expected)
        own = weights[:, at[0], at[1]][:, -len(seen) :]
        mean = sum(own[:, [n]] * (values[:, j] + value_distances[position - j]) for n, j in enumerate(seen))
        torch.testing.assert_close(means[:, position], mean)


def test_blocks_are_about_as_long_as_the_window() -> None:
    assert blocks_of(30, 30) == (1, 30)
    assert blocks_of(120, 100) == (2, 60)
    assert blocks_of(500, 100) == (5, 100)
