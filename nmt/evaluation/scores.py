"""Scores of one text by a choice of measures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nmt.errors import UserError
from nmt.evaluation.measure import Outcome, Score, TokenTotals
from nmt.evaluation.measures import MEASURES, OF_TESTS, MeasureName
from nmt.evaluation.tokenization import DEFAULT

_ALIKE = 20.0
"""chrF from which texts are clearly related."""


@dataclass(frozen=True)
class Scores:
    """The scores of one text: `scores["chrf"].value`; the original four also as attributes, such as `scores.bleu`."""

    found: Mapping[MeasureName, Score]
    """In display order."""
    lines: int

    def __getitem__(self, name: MeasureName) -> Score:
        return self.found[name]

    @property
    def all(self) -> tuple[Score, ...]:
        """All scores, in display order."""
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
        """A warning about these scores; empty if all is well."""
        bleu, chrf = self.found.get("bleu"), self.found.get("chrf")
        if bleu is None or chrf is None or bleu.value > 0 or chrf.value < _ALIKE:
            return ""
        return (
            f"BLEU is 0 although chrF is {chrf.value:.0f}: with this tokenizer, the text has hardly any sequence of "
            "four words. For text without spaces, or of single words, use another tokenizer (--tokenize char, or "
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
        hypotheses: detokenised translations, one per line; empty if no measure reads text.
        references: one or more texts with the same number of lines.
        where: name of the hypotheses in error messages (the file).
        tokenizer: sacrebleu's name of the tokenizer for BLEU and GLEU, see `nmt.evaluation.tokenization`.
        measures: the measures to compute.
        totals: sums over the reference tokens under the model, for measures that read tokens.

    Raises:
        UserError: the numbers of lines differ or are zero, or a measure that reads tokens has no model.
    """
    if text_measures(measures):
        for lines in references:
            check_lines(hypotheses, lines, where)
    if (needed := token_measures(measures)) and (totals is None or not totals.tokens):
        raise UserError(where, f"a model and references to compute {needed[0]}", "none")
    outcome = Outcome(hypotheses, references, tokenizer, totals or TokenTotals())
    return Scores({name: MEASURES[name].score(outcome) for name in measures}, len(references[0]))


def check_measures(names: Sequence[str]) -> None:
    """Refuses unknown names and an empty list.

    Raises:
        UserError: the message lists the known names.
    """
    strange = [name for name in names if name not in MEASURES]
    if strange or not names:
        raise UserError("measures", f"one or more of {', '.join(MEASURES)}", repr(strange[0]) if strange else "none")


def text_measures(names: Iterable[MeasureName]) -> list[MeasureName]:
    """The measures that need translations."""
    return [name for name in names if MEASURES[name].reads == "text"]


def token_measures(names: Iterable[MeasureName]) -> list[MeasureName]:
    """The measures that need the model's probabilities of the references."""
    return [name for name in names if MEASURES[name].reads == "tokens"]


def check_lines(
    hypotheses: Sequence[str], references: Sequence[str], where: str, reference: str = "the reference"
) -> None:
    """Refuses texts that are empty or differ in their number of lines.

    Args:
        hypotheses: lines.
        references: the same number of lines.
        where: name of the hypotheses in error messages.
        reference: name of the reference in error messages.

    Raises:
        UserError: the numbers of lines differ or are zero.
    """
    if len(hypotheses) != len(references):
        raise UserError(where, f"{len(references)} lines, as in {reference}", f"{len(hypotheses)} lines")
    if not hypotheses:
        raise UserError(where, "at least one line", "none")
