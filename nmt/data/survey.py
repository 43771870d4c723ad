"""Statistics of a text before processing: number of rows, words and characters, and a check of the encoding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from nmt.data.clean import Encodings
from nmt.data.pairs import ParallelFiles
from nmt.documents import KeyPath
from nmt.errors import UserError

SAMPLE = 100_000
"""Rows whose words are collected; further rows are only counted."""


@dataclass(frozen=True)
class NamedText:
    """Text in files that a corpus's options name."""

    key: KeyPath
    """Key that names the files, within the section `corpus`."""
    paths: tuple[Path, ...]
    """Source and target, one file with both, or the file of the only language."""
    rows: Callable[[], Iterator[tuple[str, ...]]]
    """Reads the rows: pairs or single lines."""
    trains: bool
    """Whether it is training text."""


@dataclass
class Side:
    """Words and characters of one language, from the sampled rows of a text."""

    words: set[str] = field(default_factory=set)
    """Distinct blank-separated words."""
    characters: set[str] = field(default_factory=set)
    """Distinct characters in these words."""

    def add(self, line: str) -> None:
        """Adds the words of a line."""
        words = line.split()
        self.words.update(words)
        self.characters.update(*words)

    def merged(self, other: Side) -> Side:
        """The union of both."""
        return Side(self.words | other.words, self.characters | other.characters)


@dataclass
class Survey:
    """Statistics of a text."""

    pairs: int
    """Number of rows read: pairs, or lines of one language."""
    whole: bool
    """Whether these are all rows."""
    source: Side
    """Empty for text of one language."""
    target: Side


def survey(paths: Sequence[Path], rows: Iterable[tuple[str, ...]], most: int | None = None) -> Survey:
    """Reads a text in constant memory.

    Args:
        paths: its files, for errors: source and target, one file with both, or the file of the only language.
        rows: its rows: pairs or single lines.
        most: largest number of rows to read; None reads all.

    Raises:
        UserError: there are no rows, a file is in another encoding, or reading the rows fails.
    """
    found = Survey(0, True, Side(), Side())
    encodings = Encodings(ParallelFiles(paths[0], paths[-1]))
    rest = iter(rows)
    for *source, target in islice(rest, SAMPLE if most is None else min(most, SAMPLE)):
        found.pairs += 1
        encodings.count(*source, target)
        for line in source:
            found.source.add(line)
        found.target.add(target)
    encodings.check()
    if not found.pairs:
        expected = "at least one pair of lines (one line for a language model)"
        raise UserError(" and ".join(map(str, paths)), expected, "nothing")
    if most is None:
        found.pairs += sum(1 for _ in rest)
    else:
        found.whole = next(rest, None) is None
    return found
