"""Loads and examines a recipe: the first step of every command that works on one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nmt.imports import quick_imports

if TYPE_CHECKING:
    from nmt.recipe import Recipe


def load_examined(path: Path, overrides: Sequence[str], *, quick: bool = False) -> Recipe:
    """Loads a recipe, checks the files it names, and warns on stderr of settings that are probably not intended.

    Args:
        path: path of the YAML file.
        overrides: `key=value` strings.
        quick: check only the beginning of each file, because the command reads the rest anyway.

    Raises:
        UserError: with every mistake.
    """
    with quick_imports():
        from nmt.recipe import load_recipe
        from nmt.recipe.examine import FIRST, examine, raise_mistakes

    recipe = load_recipe(path, overrides)
    if int(os.environ.get("RANK", "0")) == 0:  # only one process reports
        found = examine(recipe, path, overrides, FIRST if quick else None)
        for suspicion in found.suspicions:
            click.secho(f"nmt: warning: {suspicion}", fg="yellow", err=True)
        raise_mistakes(found, path)
    return recipe
