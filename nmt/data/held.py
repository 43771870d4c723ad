"""Finds rows of the validation and test sets that also occur in the training text."""

from __future__ import annotations

from nmt.data.duplicates import row_digest
from nmt.options import Options, Total


class Overlap(Options):
    """Training pairs, or lines of one language, that also occur in a set."""

    pairs: Total = 0
    """Matches on all sides."""
    sources: Total = 0
    """Matches of the source, with any translation; includes the former."""


class HeldSets:
    """Rows of the held-out sets, as 16-byte digests of sources and rows, and counts of matching training rows."""

    def __init__(self) -> None:
        self._rows: dict[str, set[bytes]] = {}
        self._sources: dict[str, set[bytes]] = {}
        self._found: dict[str, list[int]] = {}

    def add(self, name: str, *row: str) -> None:
        """Adds a cleaned row of the named set; rows with a blank line do not count as overlap."""
        if all(row):
            self._rows.setdefault(name, set()).add(row_digest(*row))
            self._sources.setdefault(name, set()).add(row_digest(row[0]))
            self._found.setdefault(name, [0, 0])

    def count(self, *row: str) -> tuple[bool, bool]:
        """Counts a training row. Returns whether it, and whether its source, is in any set; a single line is both."""
        digest, source_digest = row_digest(*row), row_digest(row[0])
        same = same_source = False
        for name, found in self._found.items():
            if source_digest in self._sources[name]:
                same_source = True
                found[1] += 1
                if digest in self._rows[name]:
                    same = True
                    found[0] += 1
        return same, same_source

    def overlap(self) -> dict[str, Overlap]:
        """The counts by set."""
        return {name: Overlap(pairs=pairs, sources=sources) for name, (pairs, sources) in self._found.items()}
