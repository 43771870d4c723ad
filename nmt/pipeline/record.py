"""What a finished stage leaves behind, so that the next run can tell whether its outputs still hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nmt.text import file_digest, write_atomically

PRESENT = "present"
"""Stands for the digest of an output whose content may change after the stage."""


@dataclass(frozen=True)
class Record:
    """One stage of one run."""

    stage: str
    version: int
    """Format version of the stage's outputs."""
    options: Mapping[str, Any]
    """What the outputs depend on besides the inputs, as plain JSON values."""
    inputs: Mapping[str, str]
    """SHA-256 of every input, by a name that does not depend on where it lies."""
    extent: Mapping[str, Any] = field(default_factory=dict)
    """Options that only say how far to go; a change continues a resumable stage instead of restarting it."""
    finished: bool = False
    outputs: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of every output, by its path in the stage's folder."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the stage measured, for the report."""
    seconds: float = 0.0
    """Wall time, over all runs that contributed."""

    def same_work(self, other: Record) -> bool:
        """Whether both describe the same work, however far it got."""
        return (self.version, self.options, self.inputs) == (other.version, other.options, other.inputs)

    def write(self, path: Path) -> None:
        """Writes the record as JSON, atomically."""
        with write_atomically(path) as handle:
            json.dump(asdict(self), handle, indent=2, ensure_ascii=False)
            handle.write("\n")


def read_record(path: Path) -> Record | None:
    """The record of an earlier run; None when there is none that this version understands."""
    try:
        return Record(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def digest_outputs(directory: Path, unhashed: frozenset[str] = frozenset()) -> dict[str, str]:
    """SHA-256 of every file below a folder, by relative path; `PRESENT` for those named in `unhashed`."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    names = {path.relative_to(directory).as_posix(): path for path in files}
    return {name: PRESENT if name in unhashed else file_digest(path) for name, path in names.items()}


def difference(old: Record, new: Record) -> str:
    """What changed between two records of a stage, in a few words."""
    if old.version != new.version:
        return "new version of nmt"
    changed = [_change(key, old.options, new.options) for key in _changed(old.options, new.options)]
    changed += [_change(key, old.extent, new.extent) for key in _changed(old.extent, new.extent)]
    changed += [f"other {key}" for key in _changed(old.inputs, new.inputs)]
    return ", ".join(changed[:3]) + (", …" if len(changed) > 3 else "")


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [key for key in {**old, **new} if old.get(key) != new.get(key)]


def _change(key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    before, after = old.get(key), new.get(key)
    if isinstance(before, dict) and isinstance(after, dict):
        return ", ".join(
            _change(f"{key}.{inner}", _named(key, before), _named(key, after)) for inner in _changed(before, after)
        )
    shown = [str(value) for value in (before, after)]
    return f"{key} {shown[0]} → {shown[1]}" if sum(map(len, shown)) < 60 else f"other {key}"


def _named(key: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{key}.{inner}": value for inner, value in values.items()}
