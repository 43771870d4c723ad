"""`nmt prepare`."""

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
    """Prepare the data of RECIPE: fetch and clean the text, train the tokenizer, store the token ids.

    Stages whose options and inputs have not changed are reused.
    """
    from nmt.cli.console import reporting, stdout_console

    resolved = load_examined(recipe, overrides, quick=True)  # before anything slow is imported
    with quick_imports():
        from nmt.pipeline.run import prepare

    console = stdout_console()
    with reporting(console) as reporter:
        directory = prepare(resolved, runs, reporter)
    console.print(f"The data is in {directory}", soft_wrap=True)
