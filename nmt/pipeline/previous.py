"""Sets aside the work of a resumable stage when its options change, and restores it when they change back.

previous/
  train-1a2b3c4d/        former contents of train/
  train-1a2b3c4d.json    its record

Everything here may be deleted by hand; nmt never deletes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from nmt.pipeline.record import Record, read_record

PREVIOUS = "previous"


def set_aside(run: Path, stage: str, record: Record | None, record_path: Path) -> str:
    """Moves a stage's folder and record away; returns a note that says where, or nothing if there was no work.

    Args:
        run: the run directory.
        stage: name of the stage.
        record: record of the work; None if lost.
        record_path: path of the record.
    """
    directory = run / stage
    if not directory.is_dir() or not any(directory.iterdir()):
        return ""
    name = f"{stage}-{record.key if record else 'unrecorded'}"
    kept = next(path for path in _names(run / PREVIOUS, name) if not path.exists())
    kept.parent.mkdir(exist_ok=True)
    # In this order an interruption loses nothing: a record without its folder is ignored.
    if record is not None:
        record.write(kept.with_suffix(".json"))
    directory.replace(kept)
    record_path.unlink(missing_ok=True)
    return f"starting anew; the old {stage}/ is kept in {PREVIOUS}/{kept.name}/"


def bring_back(run: Path, wanted: Record, record_path: Path, renewed: Callable[[Record], Record]) -> str:
    """Restores work that was set aside, if it is the wanted work and the current work is not.

    Args:
        run: the run directory.
        wanted: record of the wanted work.
        record_path: path of the current record, which the restored one replaces.
        renewed: converts an older version's record to today's format.

    Returns:
        A note that says where the work was; empty if nothing was restored.
    """
    directory, there = run / wanted.stage, read_record(record_path)
    if directory.is_dir() and there is not None and renewed(there).same_work(wanted):
        return ""
    for path in sorted((run / PREVIOUS).glob(f"{wanted.stage}-*.json")):
        record, kept = read_record(path), path.with_suffix("")
        if record is None or not renewed(record).same_work(wanted):
            continue
        if kept.is_dir():
            set_aside(run, wanted.stage, None if there is None else renewed(there), record_path)
            if directory.is_dir():
                directory.rmdir()  # it is empty
            kept.replace(directory)
        elif there is not None or not directory.is_dir():  # only the record is left: no work to restore
            continue
        path.replace(record_path)
        return f"back from {PREVIOUS}/{kept.name}/"
    return ""


def _names(folder: Path, name: str) -> Iterator[Path]:
    yield folder / name
    number = 2
    while True:
        yield folder / f"{name}-{number}"
        number += 1
