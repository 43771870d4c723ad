"""Bits per character of the references."""

from __future__ import annotations

import math

from nmt.evaluation.measure import Measure, Outcome, Score


class BitsPerCharacter(Measure):
    """Negative log-likelihood per character, logarithm to base 2, where a line's end is one.

    Models with different tokenizers can be compared by it, as long as both can write all of the text.
    """

    label = "bits per character"
    reads = "tokens"
    higher_is_better = False
    best = 0.0
    decimals = 3

    def score(self, outcome: Outcome) -> Score:
        """0 or more."""
        totals = outcome.totals
        value = abs(totals.log_probability) / math.log(2) / (totals.characters + totals.lines)
        return Score(self.label, value, "prefix:reference|unit:character|eos:yes")
