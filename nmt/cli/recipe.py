"""`nmt recipe`: checks, shows, lists and copies recipes, and prints their JSON schema."""

from __future__ import annotations

from itertools import accumulate, takewhile
from pathlib import Path

import click

from nmt.cli.arguments import recipe_arguments, refuse_existing_file, shipped
from nmt.cli.examined import load_examined
from nmt.cli.program import next_commands
from nmt.imports import quick_imports
from nmt.output import write_atomically
from nmt.shipped import shipped_recipes


@click.group(no_args_is_help=True)
def command() -> None:
    """Check a recipe, show it with all defaults, list and copy those shipped with nmt, or print the JSON schema.

    \b
    nmt recipe list
    nmt recipe copy  multi30k_en_de/transformer_tiny .
    nmt recipe check transformer_tiny.yaml
    nmt recipe show  phrasebook_en_de/transformer_tiny training.updates=500
    nmt recipe schema > recipe.schema.json

    A RECIPE is a YAML file, or the name of one shipped with nmt.
    """


@command.command("list")
def list_recipes() -> None:
    """List the recipes shipped with nmt: name, description, downloads.

    Run one by its name, as in `nmt run phrasebook_en_de/transformer_tiny`.
    """
    from rich import box
    from rich.table import Table

    from nmt.cli.console import stdout_console

    table = Table("name", "description", "downloads", box=box.SIMPLE_HEAD, pad_edge=False)
    table.columns[0].no_wrap = table.columns[2].no_wrap = True
    for name, path in shipped_recipes().items():
        table.add_row(name, *_described(path))
    stdout_console().print(table)


def _described(path: Path) -> tuple[str, str]:
    """The comment at the top of a recipe, and how much its corpus downloads."""
    from pydantic import TypeAdapter

    from data_prep import CorpusConfig
    from nmt.documents import read_yaml

    top = takewhile(lambda line: len(line) > 1, path.read_text(encoding="utf-8").splitlines())
    summary = " ".join(line.removeprefix("#").strip() for line in top)
    recipe, _ = read_yaml(path, "a recipe")
    corpus: CorpusConfig = TypeAdapter(CorpusConfig).validate_python(recipe["corpus"])
    return summary, corpus.download or "nothing"


@command.command("copy")
@click.argument("name")
@click.argument("folder", required=False, default=Path(), type=click.Path(path_type=Path, file_okay=False))
@click.option("--force", is_flag=True, help="Replace an existing file.")
def copy_recipe(name: str, folder: Path, force: bool) -> None:
    """Copy the shipped recipe NAME into FOLDER (default: the current one), for you to change."""
    path = shipped(name)
    copy = folder / path.name
    refuse_existing_file(copy, force)
    with write_atomically(copy) as file:
        file.write(path.read_text(encoding="utf-8"))
    click.echo(f"{copy} is yours to change. Then:\n{next_commands(copy)}")


@command.command()
@recipe_arguments
def check(recipe: Path, overrides: tuple[str, ...]) -> None:
    """Validate RECIPE, read the files it names, and count the parameters of its model; nothing is downloaded.

    Shows all mistakes at once, with line, nearest valid key and allowed values; doubtful settings give a warning.
    "so far" is the running sum: papers often leave out the last parts.
    """
    from rich.table import Table

    from nmt.cli.console import stdout_console

    with quick_imports():
        from nmt.recipe.sizes import parameter_counts

    resolved = load_examined(recipe, overrides)
    counts = parameter_counts(resolved.model, resolved.tokenizer)
    total = counts.pop("total")
    table = Table("part", box=None, pad_edge=False)
    for name in ("parameters", "so far"):
        table.add_column(name, justify="right")
    for (part, count), so_far in zip(counts.items(), accumulate(counts.values()), strict=True):
        table.add_row(part, f"{count:,}", f"{so_far:,}")
    table.add_row("total", f"{total:,}")
    console = stdout_console()
    console.print(table)
    if resolved.tokenizer.sizes_are_bounds:
        most = max(resolved.tokenizer.vocabulary_sizes)
        note = f"The text determines the vocabulary size. The counts assume the largest possible one, {most:,}."
        console.print(note, soft_wrap=True)
    if download := resolved.corpus.download:
        note = f"The corpus was not checked: `nmt run` downloads it if it is missing ({download})."
        console.print(note, soft_wrap=True)
    console.print(f"{recipe}: OK")


@command.command()
@recipe_arguments
def show(recipe: Path, overrides: tuple[str, ...]) -> None:
    """Print RECIPE with every option, including defaults, each under its description.

    The output is itself a recipe.
    """
    with quick_imports():
        from nmt.recipe import load_recipe
        from nmt.recipe.show import as_yaml

    click.echo(as_yaml(load_recipe(recipe, overrides)), nl=False)


@command.command()
@click.argument("recipe", required=False, type=click.Path(path_type=Path))
def schema(recipe: Path | None) -> None:
    """Print the JSON schema of recipes, with which an editor completes and explains keys.

    The schema is the same for every recipe; RECIPE is only named in the hint on standard error.
    """
    with quick_imports():
        from nmt.recipe.schema import EDITOR_HINT, recipe_schema

    click.echo(recipe_schema(), nl=False)
    name = recipe or "a recipe"
    click.echo(f"Save this as recipe.schema.json and make the first line of {name}:", err=True)
    click.echo(f"{EDITOR_HINT}recipe.schema.json", err=True)
