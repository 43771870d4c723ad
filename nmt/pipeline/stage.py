"""Running a stage only when it must: decided by the content of what goes in and what came out."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nmt.pipeline.environment import peak_memory_bytes, versions
from nmt.pipeline.record import Record, difference, digest_outputs, read_record
from nmt.pipeline.reporter import Reporter

RECORDS = "stages"
"""Folder of the records, beside the stages' own folders, which hold nothing but their outputs."""


@dataclass(frozen=True)
class Stage:
    """A step of the pipeline, as values: what it depends on and the function that does it."""

    name: str
    """Also the name of its folder."""
    version: int
    """Raised when the format or meaning of the outputs changes."""
    options: Mapping[str, Any]
    """Plain values that the outputs depend on."""
    inputs: Mapping[str, str]
    """SHA-256 of every input."""
    work: Callable[[Path], Mapping[str, Any]]
    """Writes the outputs into the folder it is given; returns facts for the report (plain JSON values).
    A KeyboardInterrupt or error leaves the stage undone."""
    extent: Mapping[str, int] = field(default_factory=dict)
    """Limits that only say how far to go (no entry: no limit); a resumable stage continues when none falls."""
    resumable: bool = False
    """Whether `work` goes on from what it finds in its folder after an interruption."""
    recorded: str = "**/*"
    """Which files are the outputs, as a glob; the others come and go as they like."""
    unhashed: frozenset[str] = frozenset()
    """Outputs that must exist and whose content may change afterwards."""
    renewed: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda options: options
    """Recorded options as today's version would record them, with those that it has gained at their defaults: so that
    a new version goes on with the work of an older one."""


def run_stage(stage: Stage, run: Path, reporter: Reporter) -> Record:
    """Does the stage, unless its recorded outputs already follow from these options and inputs.

    An ordinary stage works in `<name>.part/`, which becomes `<name>/` when it is whole. A resumable
    stage works in `<name>/` itself and counts as done only when its record says so; outputs that were
    damaged since are removed for it to make again. When its options or inputs change, the old folder
    is kept as `<name>.previous/` (the one before that is removed).

    Args:
        stage: what to do.
        run: the run directory, which the caller has locked.
        reporter: is told what happens.

    Returns:
        The record, with the facts of the run that made the outputs.
    """
    record_path, directory = run / RECORDS / f"{stage.name}.json", run / stage.name
    wanted = _wanted(stage)
    old = read_record(record_path)
    if old is not None:
        old = replace(old, options=_plain(stage.renewed(old.options)))
    broken = _broken(stage, old, directory)
    why = _reason(wanted, old, broken)
    if old is not None and not why:
        reporter.stage_reused(stage.name, _unchanged(old))
        return old
    continued = stage.resumable and old is not None and old.leads_to(wanted) and directory.is_dir()
    reporter.stage_started(stage.name, why + _consequence(stage, directory, continued=continued))
    start = time.monotonic()
    earlier = old.seconds if continued and old else 0.0
    for name in broken:
        (directory / name).unlink(missing_ok=True)
    place = _place(stage, wanted, directory, record_path, continued=continued)
    try:
        facts = stage.work(place)
    except BaseException:
        if stage.resumable:  # the time already spent belongs to the stage
            replace(wanted, seconds=earlier + time.monotonic() - start).write(record_path)
        else:
            shutil.rmtree(place, ignore_errors=True)
        raise
    if place != directory:
        shutil.rmtree(directory, ignore_errors=True)
        place.replace(directory)
    seconds = time.monotonic() - start
    outputs = digest_outputs(directory, stage.recorded, stage.unhashed)
    done = replace(
        wanted,
        finished=True,
        outputs=outputs,
        facts=_plain(facts),
        seconds=earlier + seconds,
        peak_memory_bytes=peak_memory_bytes(),
        environment=versions(),
    )
    done.write(record_path)
    reporter.stage_done(stage.name, seconds)
    return done


def _wanted(stage: Stage) -> Record:
    return Record(stage.name, stage.version, _plain(stage.options), _plain(stage.inputs), _plain(stage.extent))


def _place(stage: Stage, wanted: Record, directory: Path, record_path: Path, *, continued: bool) -> Path:
    """The folder to work in; from here on the old record no longer vouches for anything."""
    if not stage.resumable:
        record_path.unlink(missing_ok=True)
        part = directory.with_name(directory.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        return part
    if not continued and directory.exists():
        previous = directory.with_name(directory.name + ".previous")
        shutil.rmtree(previous, ignore_errors=True)
        directory.replace(previous)
    directory.mkdir(parents=True, exist_ok=True)
    wanted.write(record_path)
    return directory


def _broken(stage: Stage, old: Record | None, directory: Path) -> dict[str, str]:
    """The outputs that are not as they were recorded, with what is wrong."""
    if old is None or not old.finished:
        return {}
    found = digest_outputs(directory, stage.recorded, stage.unhashed)
    return {
        name: f"{stage.name}/{name} is {'changed' if name in found else 'missing'}"
        for name, digest in old.outputs.items()
        if found.get(name) != digest
    }


def _reason(wanted: Record, old: Record | None, broken: Mapping[str, str]) -> str:
    """Why the stage must run; empty when it need not."""
    if old is None:
        return "first time"
    if not old.same_work(wanted) or (old.finished and old.extent != wanted.extent):
        return difference(old, wanted)
    return next(iter(broken.values()), "") if old.finished else "it was interrupted"


def _consequence(stage: Stage, directory: Path, *, continued: bool) -> str:
    if continued:
        return "; continuing"
    if stage.resumable and directory.is_dir():
        return f"; starting anew, the old {stage.name}/ is kept in {stage.name}.previous/"
    return ""


def _unchanged(record: Record) -> str:
    files = len(record.outputs)
    return f"same options and inputs, {files} {'file' if files == 1 else 'files'} unchanged"


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON gives it back, so that a record compares equal to itself after it was read."""
    plain: dict[str, Any] = json.loads(json.dumps(values))
    return plain
