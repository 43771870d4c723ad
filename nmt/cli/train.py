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
    """Train the model of RECIPE, preparing the data first where that is needed.

    Goes on where an interrupted training stopped. After a change of the options that decide the
    result, training starts anew; what was there is kept in previous/ and found again when they
    change back. More training.updates continue the training that is there.

    On several GPUs or machines: torchrun --nproc-per-node=N -m nmt train RECIPE
    """
    from nmt.cli.console import reporting, stdout_console

    resolved = load_examined(recipe, overrides, quick=True)  # before anything slow is imported
    with quick_imports():
        from nmt.pipeline.ranks import rank
        from nmt.pipeline.run import train

    console = stdout_console()
    console.quiet = rank() > 0  # one voice for all processes
    with reporting(console) as reporter:
        model = train(resolved, runs, reporter)
    console.print(f"The model is in {model}", soft_wrap=True)
