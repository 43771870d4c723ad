"""A concern is told when it begins, not at every log line."""

from __future__ import annotations

import itertools

from nmt.training.concern import Concern


def told(lines: str) -> list[int]:
    """Numbers of the lines at which it is told; x is a line with a concern, and . one without."""
    concern = Concern()
    return [number for number, line in enumerate(lines) if concern.hear("trouble" if line == "x" else "")]


def test_once_while_it_lasts() -> None:
    assert told("..xxxxxxxxxx") == [2]


def test_again_when_it_has_gone_and_come_back() -> None:
    assert told("xx...xx") == [0, 5]


def test_not_each_time_that_a_figure_crosses_its_limit() -> None:
    assert told("x.x..x.xx.x..x") == [0]


def test_again_after_many_lines() -> None:
    again = told("x" * 200)
    assert 2 <= len(again) <= 5
    assert len({after - before for before, after in itertools.pairwise(again)}) == 1


def test_the_newest_words_are_kept_until_it_has_gone() -> None:
    concern = Concern()
    concern.hear("0.2")
    concern.hear("0.3")
    concern.hear("")
    assert concern.last == "0.3"
    for _ in range(5):
        concern.hear("")
    assert concern.last == ""
