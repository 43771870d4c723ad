"""The features of hypotheses as a table, in memory and as a file of tab-separated values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import numpy as np
import numpy.typing as npt

from nmt.errors import UserError
from nmt.evaluation.tokenization import Tokenization
from nmt.inference.reranking.candidates import MOST, Candidates

LENGTH = "length"
"""The feature of every table: words of the hypothesis, as BLEU counts them."""
DECIMALS = 6
"""Decimal places to which features are rounded, so that a table in memory and the same in a file agree exactly."""

_FIRST, _LAST = "line", "hypothesis"
_RECORD = "# lines={lines} hypotheses={hypotheses} words={words}"
"""What stands before the header; tables of earlier versions lack it."""
_RECORDED = re.compile(r"# lines=(\d{1,18}) hypotheses=(\d{1,18}) words=(\S*)")


@dataclass(frozen=True)
class FeatureTable:
    """Features of the hypotheses of a text; written once, it serves every further tuning without a model.

    A hypothesis is scored by the weighted sum of its features, of which all but the length are log-probabilities or
    scores. These may be divided by a power of the length first (`length_penalty`):

        score(y) = sum_i weight_i * feature_i(y) / |y|^length_penalty + weight_length * |y|
    """

    candidates: Candidates
    """The hypotheses, M in all."""
    names: tuple[str, ...]
    """F names of features; the last is the length."""
    values: npt.NDArray[np.float64]
    """[M, F]"""
    words: str = ""
    """sacrebleu's name of the tokenizer that counted words for the length; empty if unknown."""

    @property
    def log_probabilities(self) -> tuple[str, ...]:
        """The names of all features but the length."""
        return self.names[:-1]

    def scores(self, weights: npt.NDArray[np.float64], length_penalty: float = 0.0) -> npt.NDArray[np.float64]:
        """The score of each hypothesis, [M].

        Args:
            weights: [F] weights.
            length_penalty: exponent of the length by which log-probabilities are divided.

        Raises:
            UserError: a score is not finite.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            scores: npt.NDArray[np.float64] = self.normalized(length_penalty) @ weights
        if not np.isfinite(scores).all():
            raise UserError("features and weights", "finite scores of the hypotheses", "others", "Are they too large?")
        return scores

    def normalized(self, length_penalty: float) -> npt.NDArray[np.float64]:
        """The features with all but the length divided by a power of the length (at least 1): [M, F]."""
        if length_penalty == 0:
            return self.values
        divisor = np.maximum(self.values[:, -1:], 1.0) ** length_penalty  # [M, 1]
        return np.concatenate((self.values[:, :-1] / divisor, self.values[:, -1:]), axis=1)

    def chosen(self, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Index of the hypothesis with the highest score of each line, [N]; of equal ones, the first in the list."""
        best = np.maximum.reduceat(scores, self._starts)  # [N]
        candidates = np.flatnonzero(scores == np.repeat(best, self.candidates.sizes))
        return candidates[np.searchsorted(candidates, self._starts)]

    def texts(self, chosen: npt.NDArray[np.int64]) -> list[str]:
        """The hypotheses with these indices."""
        return [self.candidates.texts[index] for index in chosen.tolist()]

    def ordered(self, scores: npt.NDArray[np.float64]) -> Iterator[tuple[int, float, str]]:
        """Line number, score and text of all hypotheses, by line and then best first."""
        lines = self.candidates.lines
        for index in np.lexsort((-scores, lines)).tolist():  # stable: equal ones keep the order of the list
            yield int(lines[index]) + 1, float(scores[index]), self.candidates.texts[index]

    @cached_property
    def _starts(self) -> npt.NDArray[np.int64]:
        return self.candidates.starts

    def rows(self) -> Iterator[str]:
        """The table as lines of tab-separated values: a record of its size and words, a header, and the hypotheses."""
        lines, hypotheses = len(self.candidates.sizes), len(self.candidates.texts)
        yield _RECORD.format(lines=lines, hypotheses=hypotheses, words=self.words)
        yield "\t".join((_FIRST, *self.names, _LAST))
        values, texts = self.values.tolist(), self.candidates.texts
        for line, features, text in zip(self.candidates.lines.tolist(), values, texts, strict=True):
            yield "\t".join((str(line + 1), *(_worded(feature) for feature in features), text))


def read_table(rows: Iterable[str], where: str) -> FeatureTable:
    """The table that `FeatureTable.rows` has written.

    Args:
        rows: the lines of the file.
        where: the file, for errors.

    Raises:
        UserError: it is not such a table, or not the whole of one.
    """
    lines = enumerate(rows, 1)
    _, first = next(lines, (1, ""))
    recorded = _RECORDED.fullmatch(first)
    header = (next(lines, (2, ""))[1] if recorded else first).split("\t")
    if len(header) < 3 or (header[0], header[-2], header[-1]) != (_FIRST, LENGTH, _LAST):
        expected = f"a table of features whose header is {_FIRST}, names, {LENGTH}, {_LAST}"
        raise UserError(where, expected, "another first line", "`nmt rerank --save-features` writes one.")
    name, times = Counter(header).most_common(1)[0]
    if times > 1:
        raise UserError(where, "columns of different names", f"{times} columns {name}")
    texts: list[str] = []
    values: list[list[float]] = []
    sizes: list[int] = []
    for number, row in lines:
        fields = row.split("\t", len(header) - 1)
        features = _numbers(fields[1:-1])
        if len(fields) != len(header) or features is None:
            got = f"{len(fields)} columns" if len(fields) != len(header) else "others"
            raise UserError(f"{where}:{number}", f"{len(header)} columns, finite numbers in the inner ones", got)
        if fields[0] not in (str(len(sizes)), str(len(sizes) + 1)) or fields[0] == "0":
            expected = f"line {len(sizes)} or {len(sizes) + 1}" if sizes else "line 1"
            raise UserError(f"{where}:{number}", f"{expected}: lines in ascending order, without gaps", fields[0][:20])
        if fields[0] != str(len(sizes)):
            sizes.append(0)
        sizes[-1] += 1
        texts.append(fields[-1])
        values.append(features)
    if not sizes:
        raise UserError(where, "at least one hypothesis", "none")
    candidates = Candidates(tuple(texts), np.array(sizes, dtype=np.int64))
    words = _recorded_words(recorded, candidates, where) if recorded else ""
    return FeatureTable(candidates, tuple(header[1:-1]), np.array(values, dtype=np.float64), words)


def _recorded_words(recorded: re.Match[str], candidates: Candidates, where: str) -> str:
    """The tokenizer of the record.

    Raises:
        UserError: the table is not as long as recorded, or sacrebleu has no such tokenizer.
    """
    lines, hypotheses, words = recorded.groups()
    found = len(candidates.sizes), len(candidates.texts)
    if found != (int(lines), int(hypotheses)):
        expected = f"{lines} lines with {hypotheses} hypotheses, as its first line says"
        raise UserError(where, expected, f"{found[0]} with {found[1]}", "Has it been cut off?")
    if words and words not in get_args(Tokenization):
        raise UserError(f"{where}:1", f"words={' or '.join(get_args(Tokenization)[1:])}", words[:20])
    return words


def _numbers(fields: Sequence[str]) -> list[float] | None:
    try:
        numbers = [float(field) for field in fields]
    except ValueError:
        return None
    return numbers if all(abs(number) <= MOST for number in numbers) else None


def _worded(value: float) -> str:
    return f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")
