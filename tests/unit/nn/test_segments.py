"""Bags of words of segments: who belongs where, and the paper's position encoding by hand."""

from __future__ import annotations

import pytest
import torch

from nmt.nn.segments import Segments, bags, position_weights, segments

STOP, PAD = 1, 0


def found(*lines: list[int], most: int = 9) -> Segments:
    tokens = torch.tensor(lines)
    return segments((tokens != STOP) & (tokens != PAD), tokens == STOP, most)


def test_the_position_encoding_of_three_words_in_two_dimensions() -> None:
    weights = position_weights(found([5, 6, 7]), 2)[0]
    torch.testing.assert_close(weights, torch.tensor([[1 / 2, 1 / 3], [1 / 2, 2 / 3], [1 / 2, 1.0]]))


def test_segments_are_counted_back_from_the_last_with_a_word() -> None:
    result = found([5, 6, STOP, 7, STOP, 8, 9], [PAD, 5, STOP, STOP, 6, STOP, PAD], [5, 6, PAD, PAD, PAD, PAD, PAD])
    assert result.lengths.tolist() == [[2, 1, 2], [1, 0, 1], [2, 0, 0]]
    assert [row.nonzero()[:, 0].tolist() for row in result.members[0]] == [[5, 6], [3], [0, 1]]
    assert result.place[0, [0, 1, 3, 5, 6]].tolist() == [1, 2, 1, 1, 2]
    assert result.length[0, [0, 1, 3, 5, 6]].tolist() == [2, 2, 1, 2, 2]


def test_the_oldest_are_forgotten() -> None:
    result = found([5, 6, STOP, 7, STOP, 8, 9], most=2)
    assert result.lengths.tolist() == [[2, 1]]
    assert result.members.sum() == 3


def test_a_text_without_words_has_empty_segments() -> None:
    assert found([STOP, STOP, PAD]).lengths.tolist() == [[0, 0]]


@pytest.mark.parametrize("weighted", [False, True])
def test_a_bag_is_the_sum_of_its_words(weighted: bool) -> None:
    result, embedded = found([5, 6, STOP, 7, 8, 9]), torch.randn(1, 6, 4)
    weights = position_weights(result, 4) if weighted else None
    question, statement = bags(embedded, weights, result.members)[0]
    parts = (embedded if weights is None else embedded * weights)[0]
    torch.testing.assert_close(question, parts[3] + parts[4] + parts[5])
    torch.testing.assert_close(statement, parts[0] + parts[1])
