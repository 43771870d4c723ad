"""report.json: all measurements of a run in one file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nmt.output import write_atomically
from nmt.pipeline.environment import versions
from nmt.pipeline.record import Record, read_record
from nmt.pipeline.stage import RECORDS

REPORT = "report.json"
FORMAT = 1


def recipe_digest(recipe: Mapping[str, Any]) -> str:
    """SHA-256 of the resolved recipe's values."""
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def write_report(run: Path, name: str, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Collects the records of the stages into `report.json` and returns the report.

    Times and memory are those of the runs that did the work, not of runs that reused it.
    """
    records = {path.stem: record for path in sorted((run / RECORDS).glob("*.json")) if (record := read_record(path))}
    report = {
        "format": FORMAT,
        "recipe": name,
        "recipe_digest": recipe_digest(recipe),
        "scores": _facts(records, "evaluate"),
        "yardsticks": _facts(records, "yardsticks"),
        "parameters": _facts(records, "model").get("parameters"),
        "training": _facts(records, "train"),
        "data": {stage: _facts(records, stage) for stage in ("prepare", "tokenizer", "ids")},
        "decoding": _facts(records, "translate"),
        "seconds": {stage: round(record.seconds, 3) for stage, record in records.items()},
        "peak_memory_bytes": {stage: record.peak_memory_bytes for stage, record in records.items()},
        "versions": versions(),
        "versions_of_stages": {stage: record.environment for stage, record in records.items()},
    }
    with write_atomically(run / REPORT) as handle:
        json.dump(report, handle, indent=2, ensure_ascii=False)
        handle.write("\n")
    return report


def _facts(records: Mapping[str, Record], stage: str) -> dict[str, Any]:
    return dict(records[stage].facts) if stage in records else {}
