"""Perplexity per word of the references."""

from __future__ import annotations

from nmt.evaluation.measure import Measure, Outcome, Score
from nmt.evaluation.perplexity import perplexity


class WordPerplexity(Measure):
    """exp of the negative log-likelihood per word, where words stand between blanks and a line's end is one.

    Models with different tokenizers can be compared by it, as long as both can write all of the text.
    """

    label = "word perplexity"
    reads = "tokens"
    higher_is_better = False
    best = 1.0
    decimals = 2

    def score(self, outcome: Outcome) -> Score:
        """1 or more."""
        totals = outcome.totals
        value = perplexity(-totals.log_probability / (totals.words + totals.lines))
        return Score(self.label, value, "prefix:reference|unit:word|eos:yes")
