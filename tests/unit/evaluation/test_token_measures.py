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


def test_perplexity_of_what_has_diverged_is_still_a_number() -> None:
    assert perplexity(1e6) == perplexity(100.0) < math.inf
