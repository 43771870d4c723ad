"""The interface of a measure, and what a measure is computed from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from nmt.evaluation.tokenization import DEFAULT
from nmt.text import clean_line

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric


@dataclass(frozen=True)
class TokenTotals:
    """Sums over the reference tokens of a text, EOS included, each predicted from the reference before it."""

    tokens: int = 0
    correct: int = 0
    """Tokens that the model finds the most probable of its vocabulary."""
    log_probability: float = 0.0
    """Natural logarithm."""
    words: int = 0
    """What stands between blanks in these lines."""
    characters: int = 0
    """Unicode's code points, the blanks between words among them."""
    lines: int = 0

    def with_text(self, lines: Iterable[str]) -> Self:
        """These sums with the sizes of further lines, counted as a model sees them (`nmt.text.clean_line`)."""
        cleaned = list(map(clean_line, lines))
        return replace(
            self,
            words=self.words + sum(len(line.split()) for line in cleaned),
            characters=self.characters + sum(map(len, cleaned)),
            lines=self.lines + len(cleaned),
        )


@dataclass(frozen=True)
class Outcome:
    """What a measure looks at: translations beside their references, or the model's own view of the references."""

    hypotheses: Sequence[str] = ()
    """One translation a line, as a person would read it."""
    references: Sequence[Sequence[str]] = ()
    """One or more texts of as many lines."""
    words: str = DEFAULT
    """sacrebleu's name of the tokenizer that divides text into words."""
    totals: TokenTotals = TokenTotals()


@dataclass(frozen=True)
class Score:
    """One measure of one text."""

    name: str
    """As the field writes it: "BLEU", "chrF2", "exact match", …"""
    value: float
    signature: str
    """What was computed, in sacrebleu's notation; without it a score cannot be compared."""
    details: str = ""
    """What the measure adds: BLEU's n-gram precisions and brevity penalty; empty for most."""

    def json(self) -> dict[str, Any]:
        """Plain data."""
        return {"name": self.name, "score": self.value, "signature": self.signature, "details": self.details}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """The score that `json` wrote."""
        return cls(plain["name"], plain["score"], plain["signature"], plain.get("details", ""))


class Measure(ABC):
    """How good a text is, as one number."""

    label: ClassVar[str]
    """Its name in tables and log lines."""
    reads: ClassVar[Literal["text", "tokens"]] = "text"
    """`text`: translations and references. `tokens`: `Outcome.totals`, for which nothing is translated."""
    higher_is_better: ClassVar[bool] = True
    best: ClassVar[float] = 100.0
    """Value of a text that is the reference itself, or of a model that is certain of every reference token."""
    decimals: ClassVar[int] = 1
    """In tables of scores."""
    counts_words: ClassVar[bool] = False
    """Whether the value depends on `Outcome.words`."""

    @abstractmethod
    def score(self, outcome: Outcome) -> Score:
        """The score of a text of at least one line, or of at least one token.

        Raises:
            UserError: it needs a tokenizer that cannot be had.
        """

    def metric(self, words: str = DEFAULT) -> Metric | None:
        """sacrebleu's own object, which resampling tests need; None where the measure is not sacrebleu's."""
        return None

    def criterion(self, words: str) -> str:
        """The measure in words, with the tokenizer that its value depends on."""
        return f"{self.label} ({words})" if self.counts_words else self.label

    def rank(self, value: float) -> float:
        """A number that is larger for a better value."""
        return value if self.higher_is_better else -value
