"""The memory of a study between its commands: which runs have finished, and with what settings and files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from nmt.digest import file_digest
from nmt.output import write_atomically
from nmt.pipeline.report import recipe_digest
from nmt.pipeline.start import start_digests
from nmt.recipe import Recipe
from nmt.study.events import Failed, Finished
from nmt.study.plan import Cell

CELLS = "cells.json"


@dataclass
class Entry:
    """The outcome of one run."""

    fingerprint: str
    """Digest of the recipe and of the files that it names."""
    references: dict[str, str]
    """Path of the reference of each test set."""
    why: str = ""
    """Reason of a failure; empty if the run has finished."""


@dataclass
class _Content:
    entries: dict[str, Entry]
    tests: dict[str, float]


class State:
    """`cells.json` in the study's folder. Losing it costs only the time to find the finished runs again.

    Args:
        directory: the study's folder, which need not exist.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / CELLS
        self._digests: dict[Path, str] = {}
        try:
            self._content = TypeAdapter(_Content).validate_json(self._path.read_bytes())
        except (OSError, ValidationError):  # none yet, or another version's
            self._content = _Content({}, {})
        self.tests = self._content.tests
        """p-values of paired tests, by the digest of what was compared."""

    def entry(self, cell: Cell) -> Entry | None:
        """The outcome of a run with exactly these settings and files; None if it has not ended."""
        entry = self._content.entries.get(cell.recipe.name)
        return entry if entry is not None and entry.fingerprint == self._fingerprint(cell.recipe) else None

    def record(self, cell: Cell, outcome: Finished | Failed) -> None:
        """Stores the outcome of a run."""
        self._content.entries[cell.recipe.name] = Entry(
            self._fingerprint(cell.recipe),
            {} if isinstance(outcome, Failed) else dict(outcome.references),
            outcome.why if isinstance(outcome, Failed) else "",
        )
        self.write()

    def write(self) -> None:
        """Writes the file."""
        with write_atomically(self._path) as handle:
            handle.write(TypeAdapter(_Content).dump_json(self._content, indent=2).decode())

    def _fingerprint(self, recipe: Recipe) -> str:
        """Digest of everything that a run depends on, but files that its corpus downloads or generates."""
        named = {str(path): self._digest(path) for text in recipe.corpus.named_texts for path in text.paths}
        inputs = [named, dict(start_digests(recipe.training)), dict(recipe.tokenizer.digests())]
        content = json.dumps([recipe_digest(recipe.model_dump(mode="json")), inputs], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            self._digests[path] = file_digest(path) if path.is_file() else "missing"
        return self._digests[path]
