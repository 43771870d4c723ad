"""Conducts a study: runs what is missing, and writes the results after every run."""

from __future__ import annotations

from collections.abc import Sequence

from nmt.errors import UserError
from nmt.pipeline.lock import locked
from nmt.study.check import Checked
from nmt.study.events import Failed, Finished
from nmt.study.missing import LOGS, Figures, run_missing
from nmt.study.output import write_results
from nmt.study.plan import Cell, Plan, raise_study
from nmt.study.results import Results, results_of
from nmt.study.running import Watcher, run_cells
from nmt.study.sharing import share_data
from nmt.study.sizes import sizes_of, unequal
from nmt.study.state import State
from nmt.study.table import table_of


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

        def changed(figures: Figures) -> None:
            results = results_of(plan, state, figures)
            write_results(results, table_of(results), plan.directory)

        figures = run_missing(cells, state, jobs, plan.directory, watcher, changed=changed)
        results = results_of(plan, state, figures, watcher.tested)
        state.write()
        write_results(results, table_of(results), plan.directory)
    return results


def _check_real_sizes(plan: Plan, cells: Sequence[Cell], jobs: int, watcher: Watcher) -> None:
    """Prepares the data of every system, whose text determines the vocabulary, and compares the parameters then."""
    first = [cell for cell in cells if cell.seed == plan.study.seeds[0]]
    failed: list[UserError] = []

    def ended(cell: Cell, outcome: Finished | Failed) -> None:
        if isinstance(outcome, Failed):
            failed.append(UserError(f"{cell}: preparing its data", "success", outcome.why))

    def started(cell: Cell) -> None:
        share_data(cell, cells)

    run_cells(first, jobs, plan.directory / LOGS, started, watcher.moved, ended, only_prepare=True)
    raise_study(failed, plan.document.where)
    sizes = sizes_of(plan, {cell.variant.name: cell.directory for cell in first})
    raise_study(list(unequal(plan, sizes)), plan.document.where)
