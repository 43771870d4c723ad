"""A look at parallel text before anything is done with it: how much there is, of what, and whether it is text."""

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
"""Pairs whose words are looked at; the others are counted."""


@dataclass(frozen=True)
class NamedText:
    """Parallel text that a corpus's options name by its files."""

    key: KeyPath
    """Where they are named, within the section `corpus`."""
    paths: tuple[Path, ...]
    """Source and target, or the one file of both."""
    pairs: Callable[[], Iterator[tuple[str, str]]]
    """Reads it."""
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
    """What there is in parallel text."""

    pairs: int
    """Pairs of lines that were read."""
    whole: bool
    """Whether these are all."""
    source: Side
    target: Side


def survey(paths: Sequence[Path], pairs: Iterable[tuple[str, str]], most: int | None = None) -> Survey:
    """Reads parallel text in constant memory.

    Args:
        paths: its files, for errors: source and target, or the one file of both.
        pairs: its lines.
        most: look at no more pairs than this; None: read all.

    Raises:
        UserError: there is no pair, or a file is in another encoding; and what reading the pairs raises.
    """
    found = Survey(0, True, Side(), Side())
    encodings = Encodings(ParallelFiles(paths[0], paths[-1]))
    rest = iter(pairs)
    for source, target in islice(rest, SAMPLE if most is None else min(most, SAMPLE)):
        found.pairs += 1
        encodings.count(source, target)
        found.source.add(source)
        found.target.add(target)
    encodings.check()
    if not found.pairs:
        raise UserError(" and ".join(map(str, paths)), "at least one pair of lines", "nothing")
    if most is None:
        found.pairs += sum(1 for _ in rest)
    else:
        found.whole = next(rest, None) is None
    return found
