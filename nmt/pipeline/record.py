"""The record of a stage, from which the next run decides whether its outputs are still valid."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from nmt.digest import file_digest
from nmt.output import write_atomically

PRESENT = "present"
"""Replaces the digest of an output whose content may change after the stage."""


@dataclass(frozen=True)
class Record:
    """One stage of one run."""

    stage: str
    version: int
    """Format version of the stage's outputs."""
    options: Mapping[str, Any]
    """Options that the outputs depend on, as plain JSON values."""
    inputs: Mapping[str, str]
    """SHA-256 of every input, by a name that does not depend on its location."""
    extent: Mapping[str, int] = field(default_factory=dict)
    """Options that only set how far to go; an absent one means no limit."""
    choice: Mapping[str, Any] = field(default_factory=dict)
    """Options that only select among the results of the work."""
    finished: bool = False
    outputs: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of every output, by its path in the stage's folder."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Measurements of the stage, for the report."""
    seconds: float = 0.0
    """Wall time, over all contributing runs."""
    peak_memory_bytes: int = 0
    """Peak resident memory of the process up to the end of the stage."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Versions of the software that did the work."""

    def same_work(self, other: Record) -> bool:
        """Whether both describe the same work, regardless of progress."""
        return (self.version, self.options, self.inputs) == (other.version, other.options, other.inputs)

    def reaches(self, other: Record) -> bool:
        """Whether this record's extent covers the other's."""
        return all(key in other.extent and other.extent[key] <= limit for key, limit in self.extent.items())

    @property
    def key(self) -> str:
        """A short identifier of the work."""
        content = json.dumps([self.version, self.options, self.inputs], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:8]

    def write(self, path: Path) -> None:
        """Writes the record as JSON, atomically."""
        with write_atomically(path) as handle:
            json.dump(asdict(self), handle, indent=2, ensure_ascii=False)
            handle.write("\n")


def read_record(path: Path) -> Record | None:
    """The record of an earlier run; None if there is none or this version cannot read it."""
    try:
        return TypeAdapter(Record).validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def digest_outputs(directory: Path, glob: str, unhashed: frozenset[str]) -> dict[str, str]:
    """SHA-256 of matching files below a folder, by relative path; `PRESENT` for those named in `unhashed`."""
    files = sorted(path for path in directory.glob(glob) if path.is_file())
    names = {path.relative_to(directory).as_posix(): path for path in files}
    return {name: PRESENT if name in unhashed else file_digest(path) for name, path in names.items()}


def difference(old: Record, new: Record) -> str:
    """A short description of what changed between two records of a stage."""
    if old.version != new.version:
        return "made by another version of nmt"
    before = _flat({**old.options, **old.extent, **old.choice})
    after = _flat({**new.options, **new.extent, **new.choice})
    changed = [
        f"{key} {before.get(key, 'unset')} → {after.get(key, 'unset')}"
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    ]
    changed += [f"other {key}" for key in {**old.inputs, **new.inputs} if old.inputs.get(key) != new.inputs.get(key)]
    return ", ".join(changed[:3]) + (", …" if len(changed) > 3 else "")


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested options by dotted key."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
