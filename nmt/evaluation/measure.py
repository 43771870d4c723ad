"""The interface of evaluation measures, their input and their result."""

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
    """Sums over the reference tokens of a text, EOS included, under teacher forcing."""

    tokens: int = 0
    correct: int = 0
    """Tokens that the model ranks first in its vocabulary."""
    log_probability: float = 0.0
    """Sum of log-probabilities, natural logarithm."""
    words: int = 0
    """Blank-separated words in these lines."""
    characters: int = 0
    """Unicode code points, including the blanks between words."""
    lines: int = 0

    def with_text(self, lines: Iterable[str]) -> Self:
        """These sums plus the sizes of further lines, counted after cleaning (`nmt.text.clean_line`)."""
        cleaned = list(map(clean_line, lines))
        return replace(
            self,
            words=self.words + sum(len(line.split()) for line in cleaned),
            characters=self.characters + sum(map(len, cleaned)),
            lines=self.lines + len(cleaned),
        )


@dataclass(frozen=True)
class Outcome:
    """The input of a measure: translations and their references, or the model's probabilities of the references."""

    hypotheses: Sequence[str] = ()
    """Translations, detokenised, one per line."""
    references: Sequence[Sequence[str]] = ()
    """One or more texts with the same number of lines."""
    words: str = DEFAULT
    """sacrebleu's name of the tokenizer that splits text into words."""
    totals: TokenTotals = TokenTotals()


@dataclass(frozen=True)
class Score:
    """One measure of one text."""

    name: str
    """Its usual name: "BLEU", "chrF2", "exact match", …"""
    value: float
    signature: str
    """The exact settings in sacrebleu's notation; scores are comparable only if these agree."""
    details: str = ""
    """Additional figures: for BLEU, n-gram precisions and brevity penalty; empty for most measures."""

    def json(self) -> dict[str, Any]:
        """Plain data."""
        return {"name": self.name, "score": self.value, "signature": self.signature, "details": self.details}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """The score that `json` wrote."""
        return cls(plain["name"], plain["score"], plain["signature"], plain.get("details", ""))


class Measure(ABC):
    """The quality of a text as one number."""

    label: ClassVar[str]
    """Its name in tables and log lines."""
    reads: ClassVar[Literal["text", "tokens"]] = "text"
    """`text`: translations and references. `tokens`: `Outcome.totals`, which needs no translation."""
    higher_is_better: ClassVar[bool] = True
    best: ClassVar[float] = 100.0
    """Value if the text equals the reference, or if the model is certain of every reference token."""
    decimals: ClassVar[int] = 1
    """Decimal places in tables of scores."""
    counts_words: ClassVar[bool] = False
    """Whether the value depends on `Outcome.words`."""

    @abstractmethod
    def score(self, outcome: Outcome) -> Score:
        """The score of a text of at least one line, or of at least one token.

        Raises:
            UserError: it needs a tokenizer that is not available.
        """

    def metric(self, words: str = DEFAULT) -> Metric | None:
        """sacrebleu's metric object, which resampling tests need; None if the measure is not from sacrebleu."""
        return None

    def criterion(self, words: str) -> str:
        """The name of the measure, with the tokenizer if the value depends on one."""
        return f"{self.label} ({words})" if self.counts_words else self.label

    def rank(self, value: float) -> float:
        """The value with its sign changed if lower is better, so that higher always is."""
        return value if self.higher_is_better else -value
