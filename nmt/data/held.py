"""Rows that are held for validation and tests: which of them are in the training text too?"""

from __future__ import annotations

from nmt.data.duplicates import row_digest
from nmt.options import Options, Total


class Overlap(Options):
    """Training pairs, or lines of one language, that a set has too."""

    pairs: Total = 0
    """With all sides the same."""
    sources: Total = 0
    """With the same source, whatever its translation; those above are among them."""


class HeldSets:
    """The rows of some sets, by 16 bytes for each source and row, and what training has of them."""

    def __init__(self) -> None:
        self._rows: dict[str, set[bytes]] = {}
        self._sources: dict[str, set[bytes]] = {}
        self._found: dict[str, list[int]] = {}

    def add(self, name: str, *row: str) -> None:
        """One row of the set of this name, cleaned; blank lines are nothing that training could know."""
        if all(row):
            self._rows.setdefault(name, set()).add(row_digest(*row))
            self._sources.setdefault(name, set()).add(row_digest(row[0]))
            self._found.setdefault(name, [0, 0])

    def count(self, *row: str) -> tuple[bool, bool]:
        """Takes in a row that is trained on; whether any set has it, and its source, which a line is to itself."""
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
        """What was counted, by set."""
        return {name: Overlap(pairs=pairs, sources=sources) for name, (pairs, sources) in self._found.items()}
