"""A look at a text before anything is done with it: how much there is, of what, and whether it is text."""

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
"""Rows whose words are looked at; the others are counted."""


@dataclass(frozen=True)
class NamedText:
    """Text that a corpus's options name by its files."""

    key: KeyPath
    """Where they are named, within the section `corpus`."""
    paths: tuple[Path, ...]
    """Source and target, or the one file of both, or that of the one language."""
    rows: Callable[[], Iterator[tuple[str, ...]]]
    """Reads it: pairs, or single lines."""
    trains: bool
    """Whether it is training text."""


@dataclass
class Side:
    """One language of a text, as far as its words were looked at."""

    words: set[str] = field(default_factory=set)
    """Different ones, divided by blanks."""
    characters: set[str] = field(default_factory=set)
    """Different ones."""

    def add(self, line: str) -> None:
        """Takes in a line."""
        words = line.split()
        self.words.update(words)
        self.characters.update(*words)

    def merged(self, other: Side) -> Side:
        """Both together."""
        return Side(self.words | other.words, self.characters | other.characters)


@dataclass
class Survey:
    """What there is in a text."""

    pairs: int
    """Rows that were read: pairs, or lines of one language."""
    whole: bool
    """Whether these are all."""
    source: Side
    """Empty where there is one language."""
    target: Side


def survey(paths: Sequence[Path], rows: Iterable[tuple[str, ...]], most: int | None = None) -> Survey:
    """Reads a text in constant memory.

    Args:
        paths: its files, for errors: source and target, or the one file of both, or that of the one language.
        rows: its lines: pairs, or single ones.
        most: look at no more rows than this; None: read all.

    Raises:
        UserError: there is no row, or a file is in another encoding; and what reading the rows raises.
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
