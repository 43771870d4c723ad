"""Exact match: lines identical to the reference."""

from __future__ import annotations

from nmt.evaluation.measure import Measure, Outcome, Score


class ExactMatch(Measure):
    """Percentage of lines that equal their reference, or one of several references.

    Whitespace is normalised as for BLEU: it is stripped at the ends, and a run of it counts as one space. Case,
    punctuation and accents count.
    """

    label = "exact match"

    def score(self, outcome: Outcome) -> Score:
        """0 to 100."""
        rows = zip(outcome.hypotheses, *outcome.references, strict=True)
        equal = sum(_cleaned(line) in map(_cleaned, rights) for line, *rights in rows)
        signature = f"nrefs:{len(outcome.references)}|case:mixed|blanks:one"
        return Score(self.label, 100 * equal / len(outcome.hypotheses), signature)


def _cleaned(line: str) -> str:
    return " ".join(line.split())
