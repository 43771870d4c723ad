"""Measures of lines as a whole and of tokens, by hand."""

from __future__ import annotations

import math

import pytest

from nmt.evaluation.measure import Outcome, TokenTotals
from nmt.evaluation.measures import MEASURES
from nmt.evaluation.perplexity import perplexity


def test_exact_match_forgives_blanks_alone() -> None:
    reference = ["the dog", "a cat", "Ja.", ""]
    hypotheses = ["  the   dog ", "a Cat", "Ja .", "\t"]
    found = MEASURES["exact_match"].score(Outcome(hypotheses, [reference]))
    assert found.value == 50.0
    several = MEASURES["exact_match"].score(Outcome(hypotheses, [reference, ["x", "a Cat", "x", "x"]]))
    assert several.value == 75.0
    assert "nrefs:2" in several.signature


def test_tokens_by_hand() -> None:
    totals = TokenTotals(tokens=8, correct=6, log_probability=-8 * math.log(2))
    assert MEASURES["token_accuracy"].score(Outcome(totals=totals)).value == 75.0
    assert MEASURES["perplexity"].score(Outcome(totals=totals)).value == pytest.approx(2.0)


def test_words_and_characters_by_hand() -> None:
    """Lines as a model sees them: a run of blanks is one, a soft hyphen none; each line's end counts as one."""
    totals = TokenTotals(tokens=9, log_probability=-14 * math.log(2)).with_text(["ja  wo\u00adhl\t", "", "öde"])
    assert (totals.words, totals.characters, totals.lines) == (3, 7 + 0 + 3, 3)
    outcome = Outcome(totals=totals)
    assert MEASURES["word_perplexity"].score(outcome).value == pytest.approx(2 ** (14 / 6))
    assert MEASURES["bits_per_character"].score(outcome).value == pytest.approx(14 / 13)


def test_perplexity_of_what_has_diverged_is_still_a_number() -> None:
    assert perplexity(1e6) == perplexity(100.0) < math.inf
