"""Arguments and kinds of options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

R = TypeVar("R")


def path_option(*names: str, help: str, required: bool = False) -> Callable[[Callable[..., R]], Callable[..., R]]:  # noqa: A002 -- click's word
    """An option that names a file or folder, and may be given once: another one would go unnoticed."""

    def once(context: click.Context, parameter: click.Parameter, values: tuple[Path, ...]) -> Path | None:
        if len(values) > 1:
            raise click.BadParameter(f"given {len(values)} times, where one is expected.", context, parameter)
        return values[0] if values else None

    kind = click.Path(path_type=Path)
    return click.option(*names, multiple=True, required=required, type=kind, callback=once, help=help)


def recipe_arguments(function: Callable[..., R]) -> Callable[..., R]:
    """RECIPE and any number of key=value: passed as `recipe` and `overrides`."""
    function = click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")(function)
    return click.argument("recipe", type=click.Path(path_type=Path))(function)


def runs_option(function: Callable[..., R]) -> Callable[..., R]:
    """--runs, or $NMT_RUNS: passed as `runs`."""
    return click.option(
        "--runs",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="NMT_RUNS",
        show_envvar=True,
        default=Path("runs"),
        show_default=True,
        help="Folder of all runs; this one goes to <corpus>_<source>_<target>/<recipe name>/ in it.",
    )(function)
