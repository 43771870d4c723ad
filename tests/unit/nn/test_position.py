"""Positions: fairseq's sinusoids, and padding that does not count."""

from __future__ import annotations

import math

import pytest
import torch

from nmt.nn.position import (
    FIRST_POSITION,
    LearnedPositions,
    SinusoidalPositions,
    positions,
    published_sinusoids,
    sinusoids,
)


def test_known_answers() -> None:
    """D = 4: frequencies 1 and 1/10000, sines first; the first position is 2."""
    table = sinusoids(3, 4)
    p = FIRST_POSITION + 1
    expected = [math.sin(p), math.sin(p / 10_000), math.cos(p), math.cos(p / 10_000)]
    torch.testing.assert_close(table[1], torch.tensor(expected))
    assert FIRST_POSITION == 2


def test_the_formula_of_the_paper() -> None:
    """D = 6: PE(pos, 2i) = sin(pos / 10000^(2i/6)), PE(pos, 2i + 1) = cos(the same); here with the sines in front."""
    table = published_sinusoids(4, 6)
    for position in range(4):
        angles = [position / 10_000 ** (2 * i / 6) for i in range(3)]
        expected = [*map(math.sin, angles), *map(math.cos, angles)]
        torch.testing.assert_close(table[position], torch.tensor(expected))
    odd = published_sinusoids(2, 5)[1]
    torch.testing.assert_close(odd[-1], torch.tensor(math.cos(10_000 ** (-2 / 5))))


def test_padding_on_either_side_does_not_count() -> None:
    mask = torch.tensor([[True, True, True, False], [False, True, True, True]])
    place = positions(mask)
    assert place[0, :3].tolist() == [0, 1, 2]
    assert place[1, 1:].tolist() == [0, 1, 2]


@pytest.mark.parametrize("published", [False, True])
def test_the_sinusoidal_table_grows_and_stays_the_same_where_it_was(published: bool) -> None:
    module = SinusoidalPositions(8, published)
    before = module(torch.arange(10))
    module.reserve(1000)
    assert torch.equal(module(torch.arange(10)), before)
    assert module(torch.tensor([999])).shape == (1, 8)
    assert module.state_dict() == {}


def test_learned_positions_beyond_the_table_use_its_last_row() -> None:
    module = LearnedPositions(8, 5, std=1.0)
    assert torch.equal(module(torch.tensor([100])), module(torch.tensor([4])))
