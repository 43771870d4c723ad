"""Pairs that are held for validation and tests: which of them are in the training text too?"""

from __future__ import annotations

from nmt.data.duplicates import pair_digest
from nmt.options import Options, Total


class Overlap(Options):
    """Training pairs that a set has too."""

    pairs: Total = 0
    """With both sides the same."""
    sources: Total = 0
    """With the same source, whatever its translation; those above are among them."""


class HeldSets:
    """The pairs of some sets, by 16 bytes for each side and pair, and what training has of them."""

    def __init__(self) -> None:
        self._pairs: dict[str, set[bytes]] = {}
        self._sources: dict[str, set[bytes]] = {}
        self._found: dict[str, list[int]] = {}

    def add(self, name: str, source: str, target: str) -> None:
        """One pair of the set of this name, cleaned; blank lines are nothing that training could know."""
        if source and target:
            self._pairs.setdefault(name, set()).add(pair_digest(source, target))
            self._sources.setdefault(name, set()).add(pair_digest(source, ""))
            self._found.setdefault(name, [0, 0])

    def count(self, source: str, target: str) -> tuple[bool, bool]:
        """Takes in a pair that is trained on; whether any set has it, and its source."""
        digest, source_digest = pair_digest(source, target), pair_digest(source, "")
        pair = same_source = False
        for name, found in self._found.items():
            if source_digest in self._sources[name]:
                same_source = True
                found[1] += 1
                if digest in self._pairs[name]:
                    pair = True
                    found[0] += 1
        return pair, same_source

    def overlap(self) -> dict[str, Overlap]:
        """What was counted, by set."""
        return {name: Overlap(pairs=pairs, sources=sources) for name, (pairs, sources) in self._found.items()}
