"""Runs a stage only if necessary, decided by the content of its inputs and outputs."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nmt.pipeline.environment import peak_memory_bytes, versions
from nmt.pipeline.previous import bring_back, set_aside
from nmt.pipeline.record import Record, difference, digest_outputs, read_record
from nmt.pipeline.reporter import Reporter

RECORDS = "stages"
"""Folder of the records, next to the stages' own folders, which hold only outputs."""


@dataclass(frozen=True)
class Stage:
    """A step of the pipeline: what it depends on, and the function that does the work."""

    name: str
    """Also the name of its folder."""
    version: int
    """Raised when the format or meaning of the outputs changes."""
    options: Mapping[str, Any]
    """Plain values that the outputs depend on."""
    inputs: Mapping[str, str]
    """SHA-256 of every input."""
    work: Callable[[Path], Mapping[str, Any]]
    """Writes the outputs into the given folder; returns facts for the report (plain JSON values).
    A KeyboardInterrupt or error leaves the stage unfinished."""
    extent: Mapping[str, int] = field(default_factory=dict)
    """Limits that only set how far to go (no entry: no limit). A resumable stage continues when one is raised; work
    beyond a limit is kept."""
    choice: Mapping[str, Any] = field(default_factory=dict)
    """Plain values that only select among the results of the work; a finished resumable stage selects again when they
    change."""
    resumable: bool = False
    """Whether `work` resumes from the contents of its folder after an interruption."""
    recorded: str = "**/*"
    """Glob of the output files; other files are ignored."""
    unhashed: frozenset[str] = frozenset()
    """Outputs that must exist but whose content may change afterwards."""
    renewed: Callable[[Record], Record] = lambda record: record
    """Converts an older version's record to today's format, with newer options at their defaults, so a new version
    continues the work of an older one."""


def run_stage(stage: Stage, run: Path, reporter: Reporter) -> Record:
    """Runs the stage unless its recorded outputs already follow from these options and inputs.

    An ordinary stage works in `<name>.part/`, which becomes `<name>/` once complete. A resumable stage works in
    `<name>/` itself and is done only when its record says so; outputs damaged since then are removed and made again.
    When its options or inputs change, the old folder is kept as `previous/<name>-<key>/` and restored when they change
    back: the work of a resumable stage is never deleted.

    Args:
        stage: the stage to run.
        run: the run directory, locked by the caller.
        reporter: receives the events.

    Returns:
        The record, with the facts of the run that made the outputs.
    """
    directory, record_path = run / stage.name, run / RECORDS / f"{stage.name}.json"
    wanted = _wanted(stage)
    back = bring_back(run, wanted, record_path, lambda record: _renewed(stage, record)) if stage.resumable else ""
    found = read_record(record_path)
    old = None if found is None else _renewed(stage, found)
    broken = _broken(stage, old, directory)
    why = _reason(wanted, old, broken)
    if old is not None and not why:
        reporter.stage_reused(stage.name, back or _unchanged(old, wanted))
        return old
    continued = stage.resumable and old is not None and old.same_work(wanted) and directory.is_dir()
    earlier = old.seconds if continued and old else 0.0
    for name in broken:
        (directory / name).unlink(missing_ok=True)
    aside = ""
    if stage.resumable and not continued:
        aside = set_aside(run, stage.name, old, record_path)
    reporter.stage_started(stage.name, "; ".join(filter(None, (back or why, "continuing" if continued else "", aside))))
    start = time.monotonic()
    folder = _working_folder(stage, wanted, directory, record_path)
    try:
        facts = stage.work(folder)
    except BaseException:
        if stage.resumable:  # keep the time spent so far
            replace(wanted, seconds=earlier + time.monotonic() - start).write(record_path)
        else:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if folder != directory:
        shutil.rmtree(directory, ignore_errors=True)
        folder.replace(directory)
    seconds = time.monotonic() - start
    done = replace(
        wanted,
        finished=True,
        outputs=digest_outputs(directory, stage.recorded, stage.unhashed),
        facts=_plain(facts),
        seconds=earlier + seconds,
        peak_memory_bytes=peak_memory_bytes(),
        environment=versions(),
    )
    done.write(record_path)
    reporter.stage_done(stage.name, seconds)
    return done


def _wanted(stage: Stage) -> Record:
    extent, choice = _plain(stage.extent), _plain(stage.choice)
    return Record(stage.name, stage.version, _plain(stage.options), _plain(stage.inputs), extent, choice)


def _renewed(stage: Stage, record: Record) -> Record:
    renewed = stage.renewed(record)
    return replace(renewed, options=_plain(renewed.options), choice=_plain(renewed.choice))


def _working_folder(stage: Stage, wanted: Record, directory: Path, record_path: Path) -> Path:
    """Creates the folder to work in and invalidates the old record."""
    if not stage.resumable:
        record_path.unlink(missing_ok=True)
        part = directory.with_name(directory.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        return part
    directory.mkdir(parents=True, exist_ok=True)
    wanted.write(record_path)
    return directory


def _broken(stage: Stage, old: Record | None, directory: Path) -> dict[str, str]:
    """Outputs that differ from the record, each with a description."""
    if old is None or not old.finished:
        return {}
    found = digest_outputs(directory, stage.recorded, stage.unhashed)
    return {
        name: f"{stage.name}/{name} is {'changed' if name in found else 'missing'}"
        for name, digest in old.outputs.items()
        if found.get(name) != digest
    }


def _reason(wanted: Record, old: Record | None, broken: Mapping[str, str]) -> str:
    """Why the stage must run; empty if it need not."""
    if old is None:
        return "first time"
    if not old.same_work(wanted):
        return difference(old, wanted)
    if not old.finished:
        return "it was interrupted"
    if not old.reaches(wanted) or old.choice != wanted.choice:
        return difference(old, wanted)
    return next(iter(broken.values()), "")


def _unchanged(record: Record, wanted: Record) -> str:
    if record.extent != wanted.extent:
        return f"already further than requested: {difference(wanted, record)}"
    files = len(record.outputs)
    return f"same options and inputs, {files} {'file' if files == 1 else 'files'} unchanged"


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values after a JSON round trip, so a record compares equal to itself after reading."""
    plain: dict[str, Any] = json.loads(json.dumps(values))
    return plain
