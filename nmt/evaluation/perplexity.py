"""Perplexity of the references under the model."""

from __future__ import annotations

import math

from nmt.evaluation.measure import Measure, Outcome, Score

_LARGEST = 100.0
"""Losses per token are capped here, so a diverged model still has a finite perplexity."""


def perplexity(loss: float) -> float:
    """exp of a loss per token (natural logarithm), at most exp(100)."""
    return math.exp(min(loss, _LARGEST))


class Perplexity(Measure):
    """exp of the negative log-likelihood per reference token, EOS included.

    The value depends on the model's tokenizer.
    """

    label = "perplexity"
    reads = "tokens"
    higher_is_better = False
    best = 1.0
    decimals = 2

    def score(self, outcome: Outcome) -> Score:
        """1 or more."""
        totals = outcome.totals
        value = perplexity(-totals.log_probability / totals.tokens)
        return Score(self.label, value, "prefix:reference|unit:token|eos:yes")
