"""Byte-pair encoding (Sennrich et al. 2016) by a given list of merges, as subword-nmt and fastBPE write them."""

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
"""Marks the end of a word, so that a suffix is another symbol than the same letters elsewhere."""

_HEADER = "#version:"
_COLUMNS: dict[CodesFormat, int] = {"subword_nmt": 2, "fastbpe": 3}
_OTHER: dict[CodesFormat, CodesFormat] = {"subword_nmt": "fastbpe", "fastbpe": "subword_nmt"}


@dataclass(frozen=True)
class Merges:
    """What byte-pair encoding has learned: which two neighbouring symbols become one, the most wanted first."""

    pairs: tuple[tuple[str, str], ...]
    separate_end: bool = False
    """A word's end is a symbol of its own at first (subword-nmt before its version 0.2); else part of the last one."""


def read_merges(path: Path, form: CodesFormat) -> Merges:
    """Reads a file of codes: a merge per line, two symbols between blanks.

    Args:
        path: the file, plain or gzip.
        form: `subword_nmt`, whose first line may tell its version (without one it is 0.1), or `fastbpe`, which has each
            merge's count as a third column.

    Raises:
        UserError: the file cannot be read or a line is not a merge; the line is named.
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
        raise UserError(str(path), f"merges as {form} writes them", "none")
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
    fix = f"Codes of {other} have {names[other]} per line: choose that kind." if _looks_like(line, other) else ""
    return UserError(where, f"{names[form]} between blanks, as {form} writes them", repr(line), fix)


def _looks_like(line: str, form: CodesFormat) -> bool:
    columns = line.strip(" ").split(" ")
    return line.startswith(_HEADER) or (len(columns) == _COLUMNS[form] and all(columns))


class BPE:
    """Cuts words by a list of merges."""

    def __init__(self, merges: Merges) -> None:
        self._separate_end = merges.separate_end
        # of a merge that is listed twice the first place counts
        self._rank = {pair: place for place, pair in reversed(list(enumerate(merges.pairs)))}

        self._unknown = len(merges.pairs)

    def cut(self, word: str) -> tuple[str, ...]:
        """The pieces of a word, which joined give the word; none for an empty one."""
        if len(word) < 2:
            return (word,) if word else ()
        symbols = [*word, END] if self._separate_end else [*word[:-1], word[-1] + END]
        while len(symbols) > 1:
            ranks = [self._rank.get(pair, self._unknown) for pair in pairwise(symbols)]
            best = min(ranks)
            if best == self._unknown:
                break
            place = ranks.index(best)
            symbols = _joined(symbols, symbols[place], symbols[place + 1])
        last = symbols.pop().removesuffix(END)
        return (*symbols, last) if last else tuple(symbols)


def _joined(symbols: Sequence[str], left: str, right: str) -> list[str]:
    """The symbols with every occurrence of the pair, from the left and without overlap, made one."""
    result: list[str] = []
    place = 0
    while place < len(symbols):
        if symbols[place] == left and place + 1 < len(symbols) and symbols[place + 1] == right:
            result.append(left + right)
            place += 2
        else:
            result.append(symbols[place])
            place += 1
    return result
