"""A concern is told when it begins, not at every log line."""

from __future__ import annotations

import itertools

from nmt.training.concern import Concern


def heard(lines: str) -> dict[int, str]:
    """What is told at which line; x is a line with a concern, and . one without."""
    concern = Concern()
    said = {number: concern.hear(number, "trouble" if line == "x" else "") for number, line in enumerate(lines)}
    return {number: words for number, words in said.items() if words}


def told(lines: str) -> list[int]:
    """Where the concern itself is."""
    return [number for number, words in heard(lines).items() if words == "trouble"]


def test_once_while_it_lasts() -> None:
    assert told("..xxxxxxxxxx") == [2]


def test_again_when_it_has_gone_and_come_back() -> None:
    assert told("xx...xx") == [0, 5]


def test_its_end_is_told_once_and_of_which() -> None:
    assert heard("..xx........") == {2: "trouble", 6: "the warning of update 2 no longer holds"}
    assert heard("." * 20) == {}
    newest = told("x" * 60)[-1]
    assert newest > 0
    assert f"update {newest} " in heard("x" * 60 + "...")[62]


def test_not_each_time_that_a_figure_crosses_its_limit() -> None:
    assert told("x.x..x.xx.x..x") == [0]


def test_again_after_many_lines() -> None:
    again = told("x" * 200)
    assert 2 <= len(again) <= 5
    assert len({after - before for before, after in itertools.pairwise(again)}) == 1


def test_the_newest_words_are_kept_until_it_has_gone() -> None:
    concern = Concern()
    concern.hear(1, "0.2")
    concern.hear(2, "0.3")
    concern.hear(3, "")
    assert concern.last == "0.3"
    for update in range(4, 9):
        concern.hear(update, "")
    assert concern.last == ""
