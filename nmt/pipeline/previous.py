"""The work of a resumable stage with other options: set aside, and found again when the options change back.

previous/
  train-1a2b3c4d/        what was in train/
  train-1a2b3c4d.json    its record

Everything here may be deleted by hand; nothing else deletes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from nmt.pipeline.record import Record, read_record

PREVIOUS = "previous"


def set_aside(run: Path, stage: str, record: Record | None, record_path: Path) -> str:
    """Moves a stage's folder and record away; says where to, in words, or nothing where there was no work.

    Args:
        run: the run directory.
        stage: its name.
        record: of the work; None where it is lost.
        record_path: where it is.
    """
    directory = run / stage
    if not directory.is_dir() or not any(directory.iterdir()):
        return ""
    name = f"{stage}-{record.key if record else 'unrecorded'}"
    place = next(path for path in _names(run / PREVIOUS, name) if not path.exists())
    place.parent.mkdir(exist_ok=True)
    # In this order a kill in between loses nothing: a record without its folder is known to be none.
    if record is not None:
        record.write(place.with_suffix(".json"))
    directory.replace(place)
    record_path.unlink(missing_ok=True)
    return f"starting anew; the old {stage}/ is kept in {PREVIOUS}/{place.name}/"


def bring_back(run: Path, wanted: Record, record_path: Path, renewed: Callable[[Record], Record]) -> str:
    """Puts work that was set aside back in its place, where it is the work that is wanted and what is there is not.

    Args:
        run: the run directory.
        wanted: what is asked for.
        record_path: where the record of what is there is, and that of what comes back goes.
        renewed: an older version's record as today's would be.

    Returns:
        In words, where it was; empty where nothing was brought back.
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
        elif there is not None or not directory.is_dir():  # only the record was left: no work to bring back
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
