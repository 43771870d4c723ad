"""`nmt recipe`: check a recipe, show it with every default, print the JSON schema."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

import click

from nmt.cli.arguments import recipe_arguments
from nmt.imports import quick_imports


@click.group(no_args_is_help=True)
def command() -> None:
    """Check a recipe, show it with every default, or print the JSON schema of recipes.

    \b
    nmt recipe check recipes/phrasebook_en_de/transformer_tiny.yaml
    nmt recipe show  recipes/phrasebook_en_de/transformer_tiny.yaml training.updates=500
    nmt recipe schema > recipe.schema.json
    """


@command.command()
@recipe_arguments
def check(recipe: Path, overrides: tuple[str, ...]) -> None:
    """Validate RECIPE and count the parameters of its model; nothing is downloaded or trained.

    Every mistake is shown at once, with its line, the nearest valid key and the allowed values. "so far" is
    the sum up to a part: papers often count without the last ones.
    """
    from rich.table import Table

    from nmt.cli.console import stdout_console

    with quick_imports():
        from nmt.recipe import load_recipe
        from nmt.recipe.sizes import parameter_counts

    resolved = load_recipe(recipe, overrides)
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
    console.print(f"{recipe}: OK")


@command.command()
@recipe_arguments
def show(recipe: Path, overrides: tuple[str, ...]) -> None:
    """Print RECIPE with every option that it leaves to its default, each under its description.

    The output is a recipe itself.
    """
    with quick_imports():
        from nmt.recipe import load_recipe
        from nmt.recipe.show import as_yaml

    click.echo(as_yaml(load_recipe(recipe, overrides)), nl=False)


@command.command()
@click.argument("recipe", required=False, type=click.Path(path_type=Path))
def schema(recipe: Path | None) -> None:
    """Print the JSON schema of recipes, with which an editor completes and explains keys.

    It is the same for every recipe; RECIPE only makes the hint that follows on standard error complete.
    """
    with quick_imports():
        from nmt.recipe.schema import EDITOR_HINT, recipe_schema

    click.echo(recipe_schema(), nl=False)
    name = recipe or "a recipe"
    click.echo(f"Save this as recipe.schema.json and make the first line of {name}:", err=True)
    click.echo(f"{EDITOR_HINT}recipe.schema.json", err=True)
