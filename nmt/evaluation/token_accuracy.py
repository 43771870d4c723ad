"""Token accuracy under teacher forcing."""

from __future__ import annotations

from nmt.evaluation.measure import Measure, Outcome, Score


class TokenAccuracy(Measure):
    """Percentage of reference tokens that the model ranks first, given the reference tokens before them.

    EOS counts as a token. The value depends on the model's tokenizer.
    """

    label = "token accuracy"
    reads = "tokens"

    def score(self, outcome: Outcome) -> Score:
        """0 to 100."""
        totals = outcome.totals
        return Score(self.label, 100 * totals.correct / totals.tokens, "prefix:reference|unit:token|eos:yes")
