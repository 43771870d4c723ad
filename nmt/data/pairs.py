"""Pairs of lines that translate each other, read from two files at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nmt.errors import UserError
from nmt.text import read_lines


@dataclass(frozen=True)
class ParallelFiles:
    """Two files, plain or gzip, whose lines of equal number translate each other."""

    source: Path
    target: Path


@dataclass(frozen=True)
class RawCorpus:
    """A corpus as it was found, before cleaning."""

    training: tuple[ParallelFiles, ...]
    validation: ParallelFiles
    tests: Mapping[str, ParallelFiles]
    """By name, such as test_2016_flickr; the first one is the one that is reported first."""


def read_pairs(files: ParallelFiles) -> Iterator[tuple[str, str]]:
    """The pairs of lines, as `nmt.text.read_lines` gives them.

    Raises:
        UserError: a file is unreadable, or the two differ in their number of lines; found when the
            shorter one ends, after its pairs.
    """
    sources, targets = read_lines(files.source), read_lines(files.target)
    pairs = 0
    for source in sources:
        target = next(targets, None)
        if target is None:
            raise _unequal(files, pairs, longer=files.source, lines=pairs + 1 + sum(1 for _ in sources))
        pairs += 1
        yield source, target
    if next(targets, None) is not None:
        raise _unequal(files, pairs, longer=files.target, lines=pairs + 1 + sum(1 for _ in targets))


def _unequal(files: ParallelFiles, pairs: int, longer: Path, lines: int) -> UserError:
    shorter = files.target if longer == files.source else files.source
    return UserError(
        f"{files.source} and {files.target}",
        "as many lines in one as in the other",
        f"{lines} lines in {longer} and {pairs} in {shorter}: line {pairs + 1} of {longer} has no partner",
        "Only a line feed ends a line (compare with wc -l). Look for a line that was lost or split before there.",
    )
