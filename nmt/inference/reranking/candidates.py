"""The hypotheses among which reranking chooses, and the n-best lists that they are read from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmt.errors import UserError
from nmt.text import is_blank

MOST = 1e15
"""Largest magnitude of a score, a feature or a weight: beyond those of any use, and sums of products stay finite."""

_MOSES = "|||"
_SHOWN = 40


@dataclass(frozen=True)
class Candidates:
    """The hypotheses of N lines, M in all, in the order of the lines."""

    texts: tuple[str, ...]
    """The M hypotheses."""
    sizes: npt.NDArray[np.int64]
    """[N] number of hypotheses of each line, at least one."""
    scores: tuple[float, ...] | None = None
    """The M scores that the n-best list gives; None if it gives none."""

    @property
    def starts(self) -> npt.NDArray[np.int64]:
        """[N] index of each line's first hypothesis."""
        return np.cumsum(self.sizes) - self.sizes

    @property
    def lines(self) -> npt.NDArray[np.int64]:
        """[M] index of the line that each hypothesis belongs to."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    def groups(self) -> list[tuple[str, ...]]:
        """The hypotheses of each line."""
        return [
            self.texts[start : start + size]
            for start, size in zip(self.starts.tolist(), self.sizes.tolist(), strict=True)
        ]


@dataclass(frozen=True)
class _Row:
    number: int
    """Line number, from 1."""
    score: float | None
    text: str


def read_n_best(rows: Iterable[str], where: str, sources: Sequence[str], source_name: str) -> Candidates:
    """The hypotheses in an n-best list.

    A row has line number, score and hypothesis, separated by tabs, as `nmt translate --n-best` prints them; the score
    may be absent in all rows. Also read is the layout of Moses and Marian: `0 ||| hypothesis ||| features ||| score`,
    numbered from 0. Rows may be in any order, so lists of several systems can be concatenated. Of equal hypotheses of a
    line, the first is kept. A blank source line has one blank hypothesis, whatever the list says.

    Args:
        rows: the rows.
        where: the list's file, for errors.
        sources: the N source lines.
        source_name: their file, for errors.

    Raises:
        UserError: a row cannot be read, its line number is not in the source, or a line has no hypothesis.
    """
    found: list[dict[str, float | None]] = [{} for _ in sources]
    scored: bool | None = None
    moses = False
    for index, line in enumerate(rows, 1):
        if index == 1:
            moses = "\t" not in line and _MOSES in line
        row = _moses_row(line, f"{where}:{index}") if moses else _row(line, f"{where}:{index}")
        if not 1 <= row.number <= len(sources):
            first = 0 if moses else 1
            expected = f"a line number from {first} to {len(sources) - 1 + first}, as {source_name} has"
            raise UserError(f"{where}:{index}", expected, str(row.number - 1 + first))
        scored = (row.score is not None) if scored is None else scored
        if scored != (row.score is not None):
            got = "a score here" if row.score is not None else "none here"
            raise UserError(f"{where}:{index}", "a score in every row of the list or in none", got)
        found[row.number - 1].setdefault(row.text, row.score)
    return candidates_of(found, bool(scored), where, sources, source_name)


def candidates_of(
    found: Sequence[dict[str, float | None]], scored: bool, where: str, sources: Sequence[str], source_name: str
) -> Candidates:
    """The candidates among these hypotheses; a blank line gets one blank hypothesis.

    Args:
        found: hypotheses of each of the N lines, with their scores.
        scored: whether they have scores.
        where: where the hypotheses come from, for errors.
        sources: the N source lines.
        source_name: their name for errors.

    Raises:
        UserError: a line that is not blank has no hypothesis, or there are no lines.
    """
    missing = []
    for number, (source, group) in enumerate(zip(sources, found, strict=True), 1):
        if is_blank(source):
            group.clear()
            group[""] = 0.0 if scored else None
        elif not group:
            missing.append(number)
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UserError(
            where,
            f"a hypothesis for each line of {source_name} that is not blank",
            f"none for line {missing[0]}{more}",
            "Is it the list of another text?",
        )
    if not found:
        raise UserError(source_name, "at least one line", "none")
    scores = tuple(score for group in found for score in group.values() if score is not None)
    sizes = np.array([len(group) for group in found], dtype=np.int64)
    return Candidates(tuple(text for group in found for text in group), sizes, scores if scored else None)


def _row(line: str, where: str) -> _Row:
    fields = line.split("\t")
    if len(fields) not in (2, 3) or not _is_number(fields[0]):
        expected = "line number, score and hypothesis, separated by tabs, as `nmt translate --n-best` prints them"
        raise UserError(where, expected, _shown(line))
    if len(fields) == 2:
        return _Row(int(fields[0]), None, fields[1])
    return _Row(int(fields[0]), _score(fields[1], where), fields[2])


def _moses_row(line: str, where: str) -> _Row:
    fields = [field.strip() for field in line.split(_MOSES)]
    if len(fields) < 2 or not _is_number(fields[0]):
        raise UserError(where, f"line number from 0 {_MOSES} hypothesis {_MOSES} features {_MOSES} score", _shown(line))
    score = _score((fields[3].split() or [""])[-1], where) if len(fields) > 3 else None
    return _Row(int(fields[0]) + 1, score, fields[1].replace("\t", " "))


def _is_number(field: str) -> bool:
    return field.isascii() and field.isdigit() and len(field) < 19


def _score(field: str, where: str) -> float:
    try:
        score = float(field)
    except ValueError:
        score = math.nan
    if not abs(score) <= MOST:
        raise UserError(where, f"a finite number as the score, of at most {MOST:g}", _shown(field))
    return score


def _shown(text: str) -> str:
    if not text:
        return "an empty row"
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
