"""Recipes and studies shipped with the package, by name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_FOLDERS = (_PACKAGE / "recipes", _PACKAGE.parent / "recipes")
"""Their folder in an installed package (see setup.py) and in a checkout."""
_TASKS = "studies/tasks"
"""Subfolder of the recipes that the studies share; the others beside it have studies."""


def shipped_recipes() -> dict[str, Path]:
    """The file of each recipe, by name, in alphabetical order: <corpus>_<source>_<target>/<system>, with a subfolder
    between them for recipes that belong together, or studies/tasks/<task>.
    """
    folder = _folder()
    return _named(folder, set(folder.rglob("*.yaml")) - set(_studies(folder))) if folder else {}


def shipped_studies() -> dict[str, Path]:
    """The file of each study, by name, in alphabetical order: studies/<claim>/<study>."""
    folder = _folder()
    return _named(folder, _studies(folder)) if folder else {}


def shipped_recipe(name: str) -> Path | None:
    """The file of one recipe; None if there is no such recipe.

    Args:
        name: name as above, or path of the file in a checkout: recipes/NAME.yaml.
    """
    return shipped_recipes().get(_bare(name))


def shipped_study(name: str) -> Path | None:
    """The file of one study, likewise."""
    return shipped_studies().get(_bare(name))


def _bare(name: str) -> str:
    return name.removeprefix("recipes/").removesuffix(".yaml")


def _folder() -> Path | None:
    return next((folder for folder in _FOLDERS if folder.is_dir()), None)


def _studies(folder: Path) -> list[Path]:
    return [file for file in folder.glob("studies/*/*.yaml") if file.parent != folder / _TASKS]


def _named(folder: Path, files: Iterable[Path]) -> dict[str, Path]:
    return {file.relative_to(folder).with_suffix("").as_posix(): file for file in sorted(files)}
