"""A recipe that is loaded and examined: what the commands that work on one begin with."""

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
    """Loads a recipe, looks into its files, and warns on stderr of what is hardly meant.

    Args:
        path: of the YAML file.
        overrides: `key=value` each.
        quick: look at the beginning of each file only, where the work that follows reads the rest anyway.

    Raises:
        UserError: with every mistake.
    """
    with quick_imports():
        from nmt.recipe import load_recipe
        from nmt.recipe.examine import FIRST, examine, raise_mistakes

    recipe = load_recipe(path, overrides)
    if int(os.environ.get("RANK", "0")) == 0:  # one voice for all processes
        found = examine(recipe, path, overrides, FIRST if quick else None)
        for suspicion in found.suspicions:
            click.secho(f"nmt: warning: {suspicion}", fg="yellow", err=True)
        raise_mistakes(found, path)
    return recipe
