"""BLEU, chrF and TER by sacrebleu: the numbers and signatures that its command prints for the same files; and GLEU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sacrebleu.metrics.base import Metric
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from nmt.errors import UserError
from nmt.evaluation.gleu import SIGNATURE, corpus_gleu


@dataclass(frozen=True)
class Score:
    """One measure of one text."""

    name: str
    """"BLEU", "chrF2", "TER" or "GLEU"."""
    value: float
    """0 to 100; TER may be more, and is better when lower."""
    signature: str
    """What was computed, in sacrebleu's notation (GLEU is not sacrebleu's); without it a score cannot be compared."""
    details: str
    """What the measure adds: BLEU's n-gram precisions and brevity penalty; empty for the others."""

    def json(self) -> dict[str, Any]:
        """Plain data."""
        return {"name": self.name, "score": self.value, "signature": self.signature, "details": self.details}


@dataclass(frozen=True)
class Scores:
    """The measures of one text."""

    bleu: Score
    chrf: Score
    ter: Score
    gleu: Score
    lines: int

    @property
    def all(self) -> tuple[Score, ...]:
        """In the order in which they are shown."""
        return self.bleu, self.chrf, self.ter, self.gleu

    def json(self) -> dict[str, Any]:
        """Plain data, for reports and `--json`."""
        measures = {"bleu": self.bleu, "chrf": self.chrf, "ter": self.ter, "gleu": self.gleu}
        return {**{name: measure.json() for name, measure in measures.items()}, "lines": self.lines}


def metrics() -> dict[str, Metric]:
    """New metric objects with the settings of the sacrebleu command's defaults (`-m bleu chrf ter`)."""
    return {"BLEU": BLEU(), "chrF2": CHRF(), "TER": TER()}


def scores(hypotheses: Sequence[str], references: Sequence[str], where: str = "hypotheses") -> Scores:
    """Scores detokenised text, cased, against one reference.

    Args:
        hypotheses: one translation a line, as a person would read it.
        references: as many.
        where: what to call the hypotheses in an error (the file).

    Raises:
        UserError: different numbers of lines, or none.
    """
    check_lines(hypotheses, references, where)
    measured = []
    for name, metric in metrics().items():
        score = metric.corpus_score(list(hypotheses), [list(references)])
        details = score.format(score_only=False).split(" = ", 1)[1].partition(" ")[2] if name == "BLEU" else ""
        measured.append(Score(name, score.score, str(metric.get_signature()), details))
    bleu, chrf, ter = measured
    gleu = Score("GLEU", corpus_gleu(hypotheses, references), SIGNATURE, "mean of sentences, in words")
    return Scores(bleu, chrf, ter, gleu, len(hypotheses))


def check_lines(hypotheses: Sequence[str], references: Sequence[str], where: str) -> None:
    """Refuses texts that are not line by line translations of each other.

    Raises:
        UserError: different numbers of lines, or none.
    """
    if len(hypotheses) != len(references):
        raise UserError(where, f"{len(references)} lines, as many as the reference has", f"{len(hypotheses)} lines")
    if not hypotheses:
        raise UserError(where, "at least one line", "none")
