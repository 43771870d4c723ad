"""Arguments and options shared by several commands."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

import click

from nmt.errors import UserError
from nmt.shipped import shipped_recipe, shipped_recipes

R = TypeVar("R")


def path_option(*names: str, help: str, required: bool = False) -> Callable[[Callable[..., R]], Callable[..., R]]:  # noqa: A002 -- click's word
    """An option that names a file or folder. Giving it twice is an error, because click would ignore the first."""

    def once(context: click.Context, parameter: click.Parameter, values: tuple[Path, ...]) -> Path | None:
        if len(values) > 1:
            raise click.BadParameter(f"expected once, but given {len(values)} times.", context, parameter)
        return values[0] if values else None

    kind = click.Path(path_type=Path)
    return click.option(*names, multiple=True, required=required, type=kind, callback=once, help=help)


def recipe_arguments(function: Callable[..., R]) -> Callable[..., R]:
    """RECIPE (a file or the name of a shipped recipe) and KEY=VALUE..., passed as `recipe` and `overrides`."""

    def found(context: click.Context, parameter: click.Parameter, path: Path) -> Path:
        if path.exists() or (path.suffix in (".yaml", ".yml") and not shipped_recipe(path.as_posix())):
            return path
        return shipped(path.as_posix())

    function = click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")(function)
    return click.argument("recipe", type=click.Path(path_type=Path), callback=found)(function)


def shipped(name: str) -> Path:
    """The file of a shipped recipe.

    Raises:
        UserError: there is no recipe of this name.
    """
    if (path := shipped_recipe(name)) is None:
        near = get_close_matches(name, shipped_recipes(), n=1)
        fix = f"Did you mean `{near[0]}`?" if near else "`nmt recipe list` lists them."
        raise UserError(name, "a recipe file, or the name of a shipped recipe", "neither", fix)
    return path


def runs_option_into(subfolder: str) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """--runs or $NMT_RUNS, passed as `runs`; the help names the subfolder that the command writes to."""
    return click.option(
        "--runs",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="NMT_RUNS",
        show_envvar=True,
        default=Path("runs"),
        show_default=True,
        help=f"Folder of all runs; {subfolder}.",
    )


def runs_option(function: Callable[..., R]) -> Callable[..., R]:
    """The option of a command that makes one run."""
    return runs_option_into("this run goes into its subfolder <corpus>_<source>_<target>/<recipe name>/")(function)


def jobs_option(function: Callable[..., R]) -> Callable[..., R]:
    """--jobs, passed as `jobs`."""
    return click.option(
        "--jobs",
        type=click.IntRange(1, 1024),
        default=1,
        show_default=True,
        help="Runs at the same time, each on an equal share of the cores. For small models, one run per core is "
        "fastest.",
    )(function)


def refuse_existing_file(path: Path, force: bool) -> None:
    """Refuses to overwrite a file that may be the user's work.

    Raises:
        UserError: the file exists and `force` is not set.
    """
    if path.exists() and not force:
        raise UserError(str(path), "a new file", "an existing one", "--force replaces it.")
