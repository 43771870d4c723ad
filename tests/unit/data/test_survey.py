"""A look at parallel text: what is counted, how far it reads, and what it refuses."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from nmt.data import survey as module
from nmt.data.survey import survey
from nmt.errors import UserError

PATHS = (Path("a"), Path("b"))
PAIRS = [("one two", "eins"), ("two", "zwei zwei"), ("", "ö")]


def test_what_there_is() -> None:
    found = survey(PATHS, PAIRS)
    assert (found.pairs, found.whole) == (3, True)
    assert found.source.words == {"one", "two"}
    assert found.target.characters == set("einszwö")
    assert found.source.merged(found.target).words == {"one", "two", "eins", "zwei", "ö"}


def test_only_the_first_words_are_kept_but_all_lines_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE", 2)
    found = survey(PATHS, PAIRS)
    assert found.pairs == 3
    assert "ö" not in found.target.words


@pytest.mark.parametrize(("most", "pairs", "whole"), [(2, 2, False), (3, 3, True), (9, 3, True)])
def test_no_more_is_read_than_asked_for(most: int, pairs: int, whole: bool) -> None:
    found = survey(PATHS, PAIRS, most)
    assert (found.pairs, found.whole) == (pairs, whole)
    assert survey(PATHS, ((str(number), "x") for number in count()), 5).pairs == 5


def test_what_is_no_text_of_pairs() -> None:
    with pytest.raises(UserError, match="a and b: expected at least one pair"):
        survey(PATHS, [])
    with pytest.raises(UserError, match="b:1: expected text in UTF-8"):
        survey(PATHS, [("x", "gr\ufffd")] * 10)
