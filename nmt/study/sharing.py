"""Prepared data that several runs of a study have in common is prepared once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from nmt.pipeline.ids import IDS, TOKENIZER
from nmt.pipeline.record import read_record
from nmt.pipeline.stage import RECORDS
from nmt.pipeline.text import STAGE as PREPARE
from nmt.recipe import Recipe
from nmt.study.plan import Cell

_STAGES = (PREPARE, TOKENIZER, IDS)


def share_data(cell: Cell, others: Iterable[Cell]) -> None:
    """Gives a new run the prepared data of another one with the same corpus and tokenizer.

    The files are linked, not copied, where the file system can: nmt replaces files and never changes them. The run
    itself checks by content whether they are what its recipe asks for, so a wrong guess costs time and nothing else.
    """
    if cell.directory.exists():
        return
    other = next((c for c in others if _same_data(c.recipe, cell.recipe) and _is_prepared(c.directory)), None)
    if other is None:
        return
    for name in ("corpus", *_STAGES):
        if (other.directory / name).is_dir():
            shutil.copytree(other.directory / name, cell.directory / name, copy_function=_link)
    (cell.directory / RECORDS).mkdir(parents=True, exist_ok=True)
    for name in _STAGES:  # last: a record without its files would only be noticed by checking them
        shutil.copyfile(_record(other.directory, name), _record(cell.directory, name))


def _same_data(one: Recipe, other: Recipe) -> bool:
    return (one.corpus, one.tokenizer, one.task) == (other.corpus, other.tokenizer, other.task)


def _is_prepared(directory: Path) -> bool:
    records = [read_record(_record(directory, name)) for name in _STAGES]
    return all(record is not None and record.finished for record in records)


def _record(directory: Path, stage: str) -> Path:
    return directory / RECORDS / f"{stage}.json"


def _link(source: str, destination: str) -> str:
    try:
        os.link(source, destination)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, destination)
    return destination
