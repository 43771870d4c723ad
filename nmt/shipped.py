"""Recipes shipped with the package, by name: <corpus>_<source>_<target>/<system>."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_FOLDERS = (_PACKAGE / "recipes", _PACKAGE.parent / "recipes")
"""Their folder in an installed package (see setup.py) and in a checkout."""


def shipped_recipes() -> dict[str, Path]:
    """The file of each recipe, by name, in alphabetical order."""
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), None)
    files = sorted(folder.glob("*/*.yaml")) if folder else []
    return {f"{file.parent.name}/{file.stem}": file for file in files}


def shipped_recipe(name: str) -> Path | None:
    """The file of one recipe; None if there is no such recipe.

    Args:
        name: name as above, or path of the file in a checkout: recipes/NAME.yaml.
    """
    return shipped_recipes().get(name.removeprefix("recipes/").removesuffix(".yaml"))
