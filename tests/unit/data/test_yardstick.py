"""Guesses of simple strategies, by hand."""

from __future__ import annotations

import math

from nmt.data.yardstick import Guess, guess_by_position, right_guess, whole_line_guess


def test_a_guess_by_position_prefers_the_most_probable_tokens() -> None:
    distributions = [{"a": 0.25, "b": 0.75}, {"a": 0.5, "b": 0.5}]
    expected = Guess("b a", (math.log(0.25), math.log(0.5), 0.0), correct=2)  # the second token, and the end
    assert guess_by_position(distributions, "a a") == expected


def test_what_a_strategy_excludes_has_no_probability() -> None:
    assert guess_by_position([{"a": 1.0}], "b") == Guess("a", (-math.inf, 0.0), correct=1)


def test_a_right_guess_is_certain() -> None:
    assert right_guess("3 1") == Guess("3 1", (0.0, 0.0, 0.0), correct=3)


def test_the_probability_of_a_line_is_shared_by_its_tokens() -> None:
    assert whole_line_guess("a b", -6.0) == Guess("a b", (-2.0, -2.0, -2.0), correct=None)
