"""Arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

R = TypeVar("R")


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
