"""Runs the cells of a study that have not finished yet, and remembers their outcomes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nmt.study.events import Failed, Finished
from nmt.study.plan import Cell
from nmt.study.results import RunFigures, read_run
from nmt.study.running import Watcher, run_cells
from nmt.study.sharing import share_data
from nmt.study.state import State

LOGS = "logs"
"""Folder of the runs' logs in a study's folder."""

Figures = Mapping[str, RunFigures]
"""What is known of each run, by the name of its recipe."""


def run_missing(
    cells: Sequence[Cell],
    state: State,
    jobs: int,
    directory: Path,
    watcher: Watcher,
    *,
    before: int = 0,
    changed: Callable[[Figures], None] = lambda figures: None,
) -> Figures:
    """Runs every cell that has not finished with these settings and files; returns the figures of all.

    Args:
        cells: the runs.
        state: which runs have finished; the outcomes are recorded in it.
        jobs: runs at the same time.
        directory: the study's folder.
        watcher: shows the progress.
        before: number of runs shown before these.
        changed: called with all figures after each run.
    """
    total = before + len(cells)
    numbers = {cell.recipe.name: before + number for number, cell in enumerate(cells, start=1)}
    figures = {cell.recipe.name: read_run(cell, state) for cell in cells}
    began = dict[str, float]()

    def started(cell: Cell) -> None:
        began[cell.recipe.name] = time.monotonic()
        share_data(cell, cells)
        watcher.started(cell, numbers[cell.recipe.name], total)

    def ended(cell: Cell, outcome: Finished | Failed) -> None:
        state.record(cell, outcome)
        figures[cell.recipe.name] = read_run(cell, state)
        watcher.ended(cell, outcome, time.monotonic() - began[cell.recipe.name])
        changed(figures)

    for cell in cells:
        if figures[cell.recipe.name].finished:
            watcher.reused(cell, numbers[cell.recipe.name], total)
    waiting = [cell for cell in cells if not figures[cell.recipe.name].finished]
    run_cells(waiting, jobs, directory / LOGS, started, watcher.moved, ended)
    return figures
