"""Measures by sacrebleu: the numbers and signatures that its command prints for the same files."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from nmt.evaluation.measure import Measure, Outcome, Score
from nmt.evaluation.tokenization import DEFAULT

if TYPE_CHECKING:
    from sacrebleu.metrics import base


class SacrebleuMeasure(Measure):
    """A metric of sacrebleu, cased and on detokenised text, with the settings of its command's defaults."""

    @abstractmethod
    def metric(self, words: str = DEFAULT) -> base.Metric:
        """A new metric.

        Args:
            words: sacrebleu's name of the tokenizer, where the metric has one.

        Raises:
            UserError: the tokenizer cannot be had.
        """

    def score(self, outcome: Outcome) -> Score:
        """As `sacrebleu` prints it."""
        metric = self.metric(outcome.words)
        found = metric.corpus_score(list(outcome.hypotheses), [list(lines) for lines in outcome.references])
        return Score(found.name, found.score, str(metric.get_signature()), self.details(found))

    def details(self, found: base.Score) -> str:
        """What the metric adds to its number."""
        return ""
