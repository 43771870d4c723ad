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
from nmt.evaluation.gleu import corpus_gleu, signature
from nmt.evaluation.tokenization import DEFAULT, UNSPACED
from nmt.evaluation.tokenization import tokenizer as words

_ALIKE = 20.0
"""chrF of texts that have something in common."""


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

    def __str__(self) -> str:
        return ", ".join(f"{score.name} {score.value:.1f}" for score in self.all) + f" ({self.lines} lines)"

    def concern(self) -> str:
        """What a person should know of these scores; empty if all is well."""
        if self.bleu.value > 0 or self.chrf.value < _ALIKE:
            return ""
        return (
            f"BLEU is 0 although chrF is {self.chrf.value:.0f}: the text has few words of four in a row by this "
            "tokenizer. Text without blanks, or of single words, wants another one (--tokenize char, or "
            "evaluation.tokenize in a recipe)"
        )

    def json(self) -> dict[str, Any]:
        """Plain data, for reports and `--json`."""
        measures = {"bleu": self.bleu, "chrf": self.chrf, "ter": self.ter, "gleu": self.gleu}
        return {**{name: measure.json() for name, measure in measures.items()}, "lines": self.lines}


def metrics(tokenizer: str = DEFAULT) -> dict[str, Metric]:
    """New metric objects with the settings of the sacrebleu command's defaults (`-m bleu chrf ter`).

    Args:
        tokenizer: sacrebleu's name of BLEU's tokenizer. Where it is one for text without blanks, TER divides Chinese
            and Japanese into characters.

    Raises:
        UserError: the tokenizer cannot be had.
    """
    divided = tokenizer in UNSPACED
    words(tokenizer)  # words its absence
    return {"BLEU": BLEU(tokenize=tokenizer), "chrF2": CHRF(), "TER": TER(normalized=divided, asian_support=divided)}


def scores(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    where: str = "hypotheses",
    tokenizer: str = DEFAULT,
) -> Scores:
    """Scores detokenised text, cased, against one or more references.

    Args:
        hypotheses: one translation a line, as a person would read it.
        references: one or more texts of as many lines.
        where: what to call the hypotheses in an error (the file).
        tokenizer: sacrebleu's name of the tokenizer of BLEU and GLEU, see `nmt.evaluation.tokenization`.

    Raises:
        UserError: different numbers of lines, or none.
    """
    for lines in references:
        check_lines(hypotheses, lines, where)
    measured = []
    for name, metric in metrics(tokenizer).items():
        score = metric.corpus_score(list(hypotheses), [list(lines) for lines in references])
        details = score.format(score_only=False).split(" = ", 1)[1].partition(" ")[2] if name == "BLEU" else ""
        measured.append(Score(name, score.score, str(metric.get_signature()), details))
    bleu, chrf, ter = measured
    value = corpus_gleu(hypotheses, references, tokenizer)
    gleu = Score("GLEU", value, signature(tokenizer, len(references)), "mean of sentences, in words")
    return Scores(bleu, chrf, ter, gleu, len(hypotheses))


def check_lines(
    hypotheses: Sequence[str], references: Sequence[str], where: str, reference: str = "the reference"
) -> None:
    """Refuses texts that are not line by line translations of each other.

    Args:
        hypotheses: lines.
        references: as many.
        where: what to call the hypotheses, for the error.
        reference: likewise.

    Raises:
        UserError: different numbers of lines, or none.
    """
    if len(hypotheses) != len(references):
        raise UserError(where, f"{len(references)} lines, as many as {reference} has", f"{len(hypotheses)} lines")
    if not hypotheses:
        raise UserError(where, "at least one line", "none")
