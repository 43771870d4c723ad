"""The scores of one text by the measures that are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nmt.errors import UserError
from nmt.evaluation.measure import Outcome, Score, TokenTotals
from nmt.evaluation.measures import MEASURES, OF_TESTS, MeasureName
from nmt.evaluation.tokenization import DEFAULT

_ALIKE = 20.0
"""chrF of texts that have something in common."""


@dataclass(frozen=True)
class Scores:
    """The measures of one text: `scores["chrf"].value`, or `scores.bleu` for those that every version has had."""

    found: Mapping[MeasureName, Score]
    """In the order in which they are shown."""
    lines: int

    def __getitem__(self, name: MeasureName) -> Score:
        return self.found[name]

    @property
    def all(self) -> tuple[Score, ...]:
        """In the order in which they are shown."""
        return tuple(self.found.values())

    @property
    def bleu(self) -> Score:
        """BLEU, if it was asked for."""
        return self.found["bleu"]

    @property
    def chrf(self) -> Score:
        """chrF, if it was asked for."""
        return self.found["chrf"]

    @property
    def ter(self) -> Score:
        """TER, if it was asked for."""
        return self.found["ter"]

    @property
    def gleu(self) -> Score:
        """GLEU, if it was asked for."""
        return self.found["gleu"]

    def __str__(self) -> str:
        rows = (f"{score.name} {score.value:.{MEASURES[name].decimals}f}" for name, score in self.found.items())
        return ", ".join(rows) + f" ({self.lines} lines)"

    def concern(self) -> str:
        """What a person should know of these scores; empty if all is well."""
        bleu, chrf = self.found.get("bleu"), self.found.get("chrf")
        if bleu is None or chrf is None or bleu.value > 0 or chrf.value < _ALIKE:
            return ""
        return (
            f"BLEU is 0 although chrF is {chrf.value:.0f}: the text has few words of four in a row by this "
            "tokenizer. Text without blanks, or of single words, wants another one (--tokenize char, or "
            "evaluation.tokenize in a recipe)"
        )

    def json(self) -> dict[str, Any]:
        """Plain data, for reports and `--json`."""
        return {**{name: score.json() for name, score in self.found.items()}, "lines": self.lines}


def scores(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    where: str = "hypotheses",
    tokenizer: str = DEFAULT,
    measures: Sequence[MeasureName] = OF_TESTS,
    totals: TokenTotals | None = None,
) -> Scores:
    """Scores detokenised text, cased, against one or more references.

    Args:
        hypotheses: one translation a line, as a person would read it; none where no measure reads text.
        references: one or more texts of as many lines.
        where: what to call the hypotheses in an error (the file).
        tokenizer: sacrebleu's name of the tokenizer of BLEU and GLEU, see `nmt.evaluation.tokenization`.
        measures: which ones.
        totals: the model's view of the references, for measures that read tokens.

    Raises:
        UserError: different numbers of lines, or none; a measure of tokens without a model.
    """
    if text_measures(measures):
        for lines in references:
            check_lines(hypotheses, lines, where)
    if (needed := token_measures(measures)) and (totals is None or not totals.tokens):
        raise UserError(where, f"a model, and text whose tokens it reads, for {needed[0]}", "none")
    outcome = Outcome(hypotheses, references, tokenizer, totals or TokenTotals())
    return Scores({name: MEASURES[name].score(outcome) for name in measures}, len(references[0]))


def check_measures(names: Sequence[str]) -> None:
    """Refuses what is the name of no measure, or no name at all.

    Raises:
        UserError: with the known names.
    """
    strange = [name for name in names if name not in MEASURES]
    if strange or not names:
        raise UserError("measures", f"some of {', '.join(MEASURES)}", repr(strange[0]) if strange else "none")


def text_measures(names: Sequence[MeasureName]) -> list[MeasureName]:
    """Those of the measures that need translations."""
    return [name for name in names if MEASURES[name].reads == "text"]


def token_measures(names: Sequence[MeasureName]) -> list[MeasureName]:
    """Those of the measures that need a model's probabilities of the references."""
    return [name for name in names if MEASURES[name].reads == "tokens"]


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
