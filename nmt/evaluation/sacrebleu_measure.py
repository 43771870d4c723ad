"""Measures computed by sacrebleu, with the scores and signatures that its command prints for the same files."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from nmt.evaluation.measure import Measure, Outcome, Score
from nmt.evaluation.tokenization import DEFAULT

if TYPE_CHECKING:
    from sacrebleu.metrics import base


class SacrebleuMeasure(Measure):
    """A metric of sacrebleu on detokenised, cased text, with the default settings of its command."""

    @abstractmethod
    def metric(self, words: str = DEFAULT) -> base.Metric:
        """A new metric.

        Args:
            words: sacrebleu's name of the tokenizer, if the metric uses one.

        Raises:
            UserError: the tokenizer is not available.
        """

    def score(self, outcome: Outcome) -> Score:
        """As `sacrebleu` prints it."""
        metric = self.metric(outcome.words)
        found = metric.corpus_score(list(outcome.hypotheses), [list(lines) for lines in outcome.references])
        return Score(found.name, found.score, str(metric.get_signature()), self.details(found))

    def details(self, found: base.Score) -> str:
        """Additional figures of the metric."""
        return ""
