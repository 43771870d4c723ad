"""Settings that a recipe inherits from the model it starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nmt.bundle import METADATA, MODEL, read_metadata, read_recipe
from nmt.documents import KeyPath
from nmt.errors import UserError
from nmt.options import beside_recipe

_SHAPES = "Leave the section `model` out, or keep to options that change no weight's shape, such as dropout."


def inherit(data: Mapping[str, Any], where: Callable[[KeyPath], str], folder: Path | None) -> dict[str, Any]:
    """The data of a recipe, completed from the model named by `training.start_from`, if any.

    `model` and `search` are inherited option by option, `tokenizer` as a whole.

    Args:
        data: as parsed, not yet validated.
        where: says who set a key, for errors.
        folder: base of the recipe's relative paths.

    Raises:
        UserError: there is no such model, or the recipe describes a model of another kind.
    """
    training = data.get("training")
    named = training.get("start_from") if isinstance(training, Mapping) else None
    if not isinstance(named, str):
        return dict(data)
    directory = _model_directory(named, where(("training", "start_from")), folder)
    read_metadata(directory)  # reports a damaged model directory clearly
    start = read_recipe(directory)
    result = dict(data)
    result.setdefault("tokenizer", {"kind": "existing", "directory": str(directory.absolute())})
    search, theirs = data.get("search", {}), _section(start, "search")
    if isinstance(search, Mapping) and search.get("kind", theirs.get("kind")) == theirs.get("kind"):
        result["search"] = {**theirs, **search}
    model = data.get("model", {})
    if isinstance(model, Mapping):
        result["model"] = _completed(model, _section(start, "model"), where, directory)
    return result


def _section(recipe: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A section of a model's recipe; empty if it is missing or damaged."""
    section = recipe.get(name)
    return section if isinstance(section, Mapping) else {}


def _model_directory(named: str, where: str, folder: Path | None) -> Path:
    try:
        directory = beside_recipe(Path(named), folder)
    except ValueError as error:
        raise UserError(where, "a model directory", f"an impossible folder name ({error})") from None
    for found in (directory, directory / MODEL):
        if (found / METADATA).exists():
            return found
    tried = dict.fromkeys(str(path.absolute()) for path in (directory, Path(named).expanduser()))
    raise UserError(
        where,
        "a model directory",
        f"none at {' or '.join(tried)}",
        "First train the recipe that produces it, or name another with training.start_from=DIR.",
    )


def _completed(
    own: Mapping[str, Any], theirs: Mapping[str, Any], where: Callable[[KeyPath], str], directory: Path
) -> dict[str, Any]:
    if own.get("kind", theirs.get("kind")) != theirs.get("kind"):
        kind = theirs.get("kind")
        raise UserError(where(("model", "kind")), f"{kind}, like the model in {directory}", str(own["kind"]), _SHAPES)
    if own.get("preset", theirs.get("preset")) != theirs.get("preset"):
        expected = f"no preset when training starts from a model: the sizes are those of {directory}"
        raise UserError(where(("model", "preset")), expected, str(own["preset"]), _SHAPES)
    return {**theirs, **own}
