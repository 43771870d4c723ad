"""Byte-pair encoding (Sennrich et al. 2016) with a given list of merges, as written by subword-nmt or fastBPE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from nmt.errors import UserError
from nmt.text import read_lines

CodesFormat = Literal["subword_nmt", "fastbpe"]

END = "</w>"
"""Marks the end of a word, to distinguish a suffix from the same letters elsewhere."""

_HEADER = "#version:"
_COLUMNS: dict[CodesFormat, int] = {"subword_nmt": 2, "fastbpe": 3}
_OTHER: dict[CodesFormat, CodesFormat] = {"subword_nmt": "fastbpe", "fastbpe": "subword_nmt"}


@dataclass(frozen=True)
class Merges:
    """Learned merges of adjacent symbols, highest priority first."""

    pairs: tuple[tuple[str, str], ...]
    separate_end: bool = False
    """Whether the end of a word starts as a symbol of its own (subword-nmt before version 0.2) or as part of the last
    letter."""


def read_merges(path: Path, form: CodesFormat) -> Merges:
    """Reads a file of BPE codes: one merge per line, two symbols separated by a space.

    Args:
        path: the file, plain or gzip.
        form: `subword_nmt`, whose first line may give its version (0.1 if missing), or `fastbpe`, which has the count
            of each merge as a third column.

    Raises:
        UserError: the file cannot be read, or a line is not a merge; the message names the line.
    """
    pairs: list[tuple[str, str]] = []
    separate_end = form == "subword_nmt"
    for number, line in enumerate(read_lines(path), 1):
        if number == 1 and form == "subword_nmt" and line.startswith(_HEADER):
            separate_end = _version(line, f"{path}:1") < (0, 2)
            continue
        columns = line.strip(" ").split(" ")
        if len(columns) != _COLUMNS[form] or not all(columns):
            raise _not_a_merge(f"{path}:{number}", form, line)
        pairs.append((columns[0], columns[1]))
    if not pairs:
        raise UserError(str(path), f"merges in the format of {form}", "none")
    return Merges(tuple(pairs), separate_end)


def _version(line: str, where: str) -> tuple[int, ...]:
    try:
        version = tuple(int(number) for number in line.removeprefix(_HEADER).strip().split("."))
    except ValueError:
        version = ()
    if version not in ((0, 1), (0, 2)):
        raise UserError(where, f"`{_HEADER} 0.1` or `{_HEADER} 0.2`", repr(line))
    return version


def _not_a_merge(where: str, form: CodesFormat, line: str) -> UserError:
    names = {"subword_nmt": "two symbols", "fastbpe": "two symbols and their count"}
    other = _OTHER[form]
    fix = (
        f"This looks like {other}, which has {names[other]} per line: choose that." if _looks_like(line, other) else ""
    )
    return UserError(where, f"{names[form]} separated by spaces, as in files of {form}", repr(line), fix)


def _looks_like(line: str, form: CodesFormat) -> bool:
    columns = line.strip(" ").split(" ")
    return line.startswith(_HEADER) or (len(columns) == _COLUMNS[form] and all(columns))


class BPE:
    """Segments words by a list of merges."""

    def __init__(self, merges: Merges) -> None:
        self._separate_end = merges.separate_end
        # if a merge is listed twice, the first one counts
        self._rank = {pair: rank for rank, pair in reversed(list(enumerate(merges.pairs)))}

        self._unknown = len(merges.pairs)

    def cut(self, word: str) -> tuple[str, ...]:
        """The pieces of a word, whose concatenation is the word; none for an empty word."""
        if len(word) < 2:
            return (word,) if word else ()
        symbols = [*word, END] if self._separate_end else [*word[:-1], word[-1] + END]
        while len(symbols) > 1:
            ranks = [self._rank.get(pair, self._unknown) for pair in pairwise(symbols)]
            best = min(ranks)
            if best == self._unknown:
                break
            index = ranks.index(best)
            symbols = _merged(symbols, symbols[index], symbols[index + 1])
        last = symbols.pop().removesuffix(END)
        return (*symbols, last) if last else tuple(symbols)


def _merged(symbols: Sequence[str], left: str, right: str) -> list[str]:
    """The symbols with every occurrence of the pair merged, from left to right without overlap."""
    result: list[str] = []
    index = 0
    while index < len(symbols):
        if symbols[index] == left and index + 1 < len(symbols) and symbols[index + 1] == right:
            result.append(left + right)
            index += 2
        else:
            result.append(symbols[index])
            index += 1
    return result
