from __future__ import annotations

import math
from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nmt.search.penalties import COVERAGE_FLOOR, coverage_penalty, length_penalty


@pytest.mark.parametrize(
    ("alpha", "expected"), [(0.2, (1.0, 1.1487, 1.3303)), (0.6, (1.0, 1.5157, 2.3544)), (1.0, (1.0, 2.0, 4.1667))]
)
def test_length_penalty_known_answers(alpha: float, expected: tuple[float, ...]) -> None:
    penalty = length_penalty(torch.tensor([1, 7, 20]), alpha, "gnmt")
    torch.testing.assert_close(penalty, torch.tensor(expected), atol=5e-5, rtol=0)


def test_power_is_length_to_the_alpha() -> None:
    torch.testing.assert_close(length_penalty(torch.tensor([1, 4, 9]), 0.5, "power"), torch.tensor([1.0, 2.0, 3.0]))


def test_coverage_penalty_known_answer() -> None:
    coverage = torch.tensor([0.5, 1.7, 0.8])
    assert coverage_penalty(coverage, torch.ones(3, dtype=torch.bool), 0.2).item() == pytest.approx(-0.183258, abs=1e-6)


def test_coverage_leaves_out_what_is_not_a_word() -> None:
    coverage = torch.tensor([0.5, 0.0, 1e-3])
    words = torch.tensor([True, False, False])
    assert coverage_penalty(coverage, words, 1.0).item() == pytest.approx(math.log(0.5))


def test_an_unseen_word_costs_a_finite_amount() -> None:
    penalty = coverage_penalty(torch.zeros(1), torch.ones(1, dtype=torch.bool), 0.5)
    assert penalty.item() == pytest.approx(0.5 * math.log(COVERAGE_FLOOR))


@given(st.floats(0, 2), st.integers(1, 200), st.sampled_from(["gnmt", "power"]))
def test_length_penalty_starts_at_one_and_never_falls(
    alpha: float, length: int, normalization: Literal["gnmt", "power"]
) -> None:
    """What the stopping bound of beam search rests on."""
    penalty = length_penalty(torch.tensor([1, length, length + 1]), alpha, normalization)
    assert penalty[0] == 1
    assert 1 <= penalty[1] <= penalty[2]
