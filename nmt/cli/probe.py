"""`nmt probe`: measures what an architecture is capable of."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nmt.cli.arguments import jobs_option, recipe_arguments, runs_option_into
from nmt.imports import quick_imports

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from nmt.study.memory import Probed


@click.group(no_args_is_help=True)
def command() -> None:
    """Measure what an architecture is capable of, whatever it is trained on later."""


@command.command()
@recipe_arguments
@click.option(
    "--over",
    "axes",
    multiple=True,
    metavar="KEY=[VALUE, …]",
    help="Probe every one of these values of a setting; repeat it for all combinations. The largest distance is drawn "
    "over the first setting whose values are numbers.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 100, min_open=True),
    default=90.0,
    show_default=True,
    help="Exact match, in percent, from which a distance counts as reproduced.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="Trainings of each distance: seeds 1, 2, …",
)
@jobs_option
@runs_option_into("the probe and its runs go into its subfolder studies/memory_of_<recipe name>/")
def memory(
    recipe: Path,
    overrides: tuple[str, ...],
    axes: tuple[str, ...],
    threshold: float,
    seeds: int,
    jobs: int,
    runs: Path,
) -> None:
    """Find the largest distance at which the model of RECIPE reproduces random tokens.

    RECIPE has the corpus `memorization`: random tokens of random number, and the one at a given distance from the end
    has to be reproduced. Distances are doubled up to the first that the model does not learn, then bisected, up to
    `corpus.longest_distance`. Every distance is an ordinary run for each seed; the same command resumes an interrupted
    probe.

    \b
    nmt probe memory memorization.yaml --jobs 2
    nmt probe memory memorization.yaml --over 'model.decoder.model_dim=[8, 16, 32]' \\
        --over 'model.decoder.cell=[{kind: tanh}, {kind: gru}, {kind: lstm}]'
    """
    with quick_imports():
        from nmt.cli.console import stdout_console
        from nmt.cli.study_progress import watching
        from nmt.cli.study_results import draw_figures
        from nmt.study.memory import probe_memory
        from nmt.study.memory_output import draw_memory, write_memory
        from nmt.study.memory_plan import memory_plan

    plan = memory_plan(recipe, overrides, axes, seeds, runs)
    console = stdout_console()
    with watching(console, 0, jobs) as watcher:
        probed = probe_memory(plan, threshold, jobs, watcher)
    write_memory(plan, probed, threshold)
    _show(probed, threshold, console)
    console.print(f"\nResults: {plan.directory}", soft_wrap=True)
    draw_figures(partial(draw_memory, plan, probed), console)


def _show(probed: Sequence[Probed], threshold: float, console: Console) -> None:
    from nmt.cli.study_results import show_rows
    from nmt.study.memory_output import COLUMNS, TRIED_COLUMNS, rows_of, tried_rows_of

    for columns, rows in ((TRIED_COLUMNS, tried_rows_of(probed)), (COLUMNS, rows_of(probed))):
        show_rows(columns, rows, console)
    guess = 100 / max(one.vocabulary for one in probed)
    note = f"Reproduced: an exact match of {threshold:g} % or more, the mean over the seeds. A guess has {guess:.3g} %."
    console.print(note, style="dim", soft_wrap=True)
