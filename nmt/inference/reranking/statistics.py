"""Sufficient statistics of corpus measures: with those of each hypothesis, a choice of hypotheses costs one sum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sacrebleu.metrics.base import Metric

from nmt.evaluation.measures import MEASURES
from nmt.inference.reranking.candidates import Candidates
from nmt.inference.reranking.options import Tunable


@dataclass(frozen=True)
class Statistics:
    """Sufficient statistics of each hypothesis against its references, and the measure that they are for."""

    metric: Metric
    """sacrebleu's metric, which turns sums of statistics into a score."""
    counts: npt.NDArray[np.float64]
    """[M, S]; all are whole numbers: n-grams, matches, lengths."""

    def score(self, chosen: npt.NDArray[np.int64]) -> float:
        """Corpus score of the hypotheses with these indices: what sacrebleu computes for their texts."""
        return self.of_sums(self.counts[chosen].sum(0))

    def of_sums(self, sums: npt.NDArray[np.float64]) -> float:
        """Corpus score from the sums of statistics, [S]."""
        return float(self.metric._compute_score_from_stats(list(map(int, sums.tolist()))).score)

    def oracle(self, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Indices of the hypotheses that together score highest, [N]: no reranking can do better.

        Approximate for BLEU, whose exact optimum is intractable: from the best sentence scores, each line in turn takes
        the hypothesis that raises the corpus score most, until none does.

        Args:
            starts: [N] index of each line's first hypothesis.
        """
        groups = np.split(np.arange(len(self.counts)), starts[1:])
        chosen = np.array([max(group.tolist(), key=lambda index: self.of_sums(self.counts[index])) for group in groups])
        sums, best = self.counts[chosen].sum(0), self.score(chosen)
        improved = True
        while improved:
            improved = False
            for line, group in enumerate(groups):
                for index in group.tolist():
                    other = sums - self.counts[chosen[line]] + self.counts[index]
                    if (score := self.of_sums(other)) > best:
                        chosen[line], sums, best, improved = index, other, score, True
        return chosen


def line_statistics(
    candidates: Candidates, references: Sequence[Sequence[str]], measure: Tunable, words: str
) -> Iterator[list[list[int]]]:
    """Yields the statistics of each line's hypotheses, computed by sacrebleu as for its own significance tests.

    Args:
        candidates: the hypotheses of N lines.
        references: one or more texts of N lines.
        measure: the measure.
        words: sacrebleu's name of the tokenizer that BLEU counts words with.
    """
    metric = _metric(measure, words)
    for texts, *right in zip(candidates.groups(), *references, strict=True):
        yield metric._extract_corpus_statistics(list(texts), [[reference] * len(texts) for reference in right])


def statistics(lines: Iterator[list[list[int]]], measure: Tunable, words: str) -> Statistics:
    """The statistics of all hypotheses.

    Args:
        lines: from `line_statistics`.
        measure: the measure.
        words: sacrebleu's name of the tokenizer.
    """
    return Statistics(_metric(measure, words), np.array([row for line in lines for row in line], dtype=np.float64))


def _metric(measure: Tunable, words: str) -> Metric:
    metric = MEASURES[measure].metric(words)
    assert metric is not None
    return metric
