"""`nmt train`."""

from __future__ import annotations

from pathlib import Path

import click

from nmt.cli.arguments import recipe_arguments, runs_option
from nmt.cli.examined import load_examined
from nmt.imports import quick_imports


@click.command()
@recipe_arguments
@runs_option
def command(recipe: Path, overrides: tuple[str, ...], runs: Path) -> None:
    """Train the model of RECIPE, preparing the data first if necessary.

    Resumes an interrupted training. If options that affect the result have changed, training starts
    anew; the old one is kept in previous/ and restored when they change back. Raising
    training.updates continues the existing training.

    On several GPUs or machines: torchrun --nproc-per-node=N -m nmt train RECIPE
    """
    from nmt.cli.console import reporting, stdout_console

    resolved = load_examined(recipe, overrides, quick=True)  # before anything slow is imported
    with quick_imports():
        from nmt.pipeline.ranks import rank
        from nmt.pipeline.run import train

    console = stdout_console()
    console.quiet = rank() > 0  # only one process reports
    with reporting(console) as reporter:
        model = train(resolved, runs, reporter)
    console.print(f"The model is in {model}", soft_wrap=True)
