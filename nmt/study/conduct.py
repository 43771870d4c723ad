"""Conducts a study: runs what is missing, and writes the results after every run."""

from __future__ import annotations

import time
from collections.abc import Sequence

from nmt.errors import UserError
from nmt.pipeline.lock import locked
from nmt.study.check import Checked
from nmt.study.events import Failed, Finished
from nmt.study.output import write_results
from nmt.study.plan import Cell, Plan, raise_study
from nmt.study.results import Results, RunFigures, read_run, results_of
from nmt.study.running import Watcher, run_cells
from nmt.study.sharing import share_data
from nmt.study.sizes import sizes_of, unequal
from nmt.study.state import State
from nmt.study.table import table_of

_LOGS = "logs"


def conduct(plan: Plan, checked: Checked, jobs: int, watcher: Watcher) -> Results:
    """Runs every cell that has not finished with these settings and files, and returns all results.

    Args:
        plan: the study.
        checked: the result of its check.
        jobs: runs at the same time.
        watcher: shows the progress.

    Raises:
        UserError: systems that should have equally many parameters have not, or the study is at work elsewhere.
    """
    with locked(plan.directory):
        state = State(plan.directory)
        cells = plan.cells()
        if plan.study.compare == "parameters" and any(size.bound for size in checked.sizes.values()):
            _check_real_sizes(plan, cells, jobs, watcher)
        figures = {cell.recipe.name: read_run(cell, state) for cell in cells}
        for number, cell in enumerate(cells, start=1):
            if figures[cell.recipe.name].finished:
                watcher.reused(cell, number, len(cells))
        _run(plan, cells, figures, state, jobs, watcher)
        results = results_of(plan, state, figures, watcher.tested)
        state.write()
        write_results(results, table_of(results), plan.directory)
    return results


def _run(
    plan: Plan, cells: Sequence[Cell], figures: dict[str, RunFigures], state: State, jobs: int, watcher: Watcher
) -> None:
    """Runs the cells that have no figures, and adds theirs."""
    began, numbers = dict[str, float](), {cell.recipe.name: number for number, cell in enumerate(cells, start=1)}

    def started(cell: Cell) -> None:
        began[cell.recipe.name] = time.monotonic()
        share_data(cell, cells)
        watcher.started(cell, numbers[cell.recipe.name], len(cells))

    def ended(cell: Cell, outcome: Finished | Failed) -> None:
        state.record(cell, outcome)
        figures[cell.recipe.name] = read_run(cell, state)
        watcher.ended(cell, outcome, time.monotonic() - began[cell.recipe.name])
        results = results_of(plan, state, figures)
        write_results(results, table_of(results), plan.directory)

    waiting = [cell for cell in cells if not figures[cell.recipe.name].finished]
    run_cells(waiting, jobs, plan.directory / _LOGS, started, watcher.moved, ended)


def _check_real_sizes(plan: Plan, cells: Sequence[Cell], jobs: int, watcher: Watcher) -> None:
    """Prepares the data of every system, whose text determines the vocabulary, and compares the parameters then."""
    first = [cell for cell in cells if cell.seed == plan.study.seeds[0]]
    failed: list[UserError] = []

    def ended(cell: Cell, outcome: Finished | Failed) -> None:
        if isinstance(outcome, Failed):
            failed.append(UserError(f"{cell}: preparing its data", "success", outcome.why))

    def started(cell: Cell) -> None:
        share_data(cell, cells)

    run_cells(first, jobs, plan.directory / _LOGS, started, watcher.moved, ended, only_prepare=True)
    raise_study(failed, plan.document.where)
    sizes = sizes_of(plan, {cell.variant.name: cell.directory for cell in first})
    raise_study(list(unequal(plan, sizes)), plan.document.where)
