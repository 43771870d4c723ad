"""What a recipe that starts from an existing model takes over from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nmt.bundle import read_metadata, read_recipe
from nmt.errors import UserError
from nmt.options import beside_recipe


def inherit(data: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """The data of a recipe, completed from the model that its `training.start_from` names, if it names one.

    `search` is taken over if the recipe has none, `model` option by option, and `tokenizer` becomes that model's.

    Args:
        data: as parsed, not yet validated.
        folder: where the recipe's relative paths start.

    Raises:
        UserError: there is no such model, or the recipe describes one of another kind.
    """
    training = data.get("training")
    named = training.get("start_from") if isinstance(training, Mapping) else None
    if not isinstance(named, str):
        return dict(data)
    directory = beside_recipe(Path(named), folder)
    read_metadata(directory)  # words what is wrong with a directory that is none
    start = read_recipe(directory)
    result = {"search": start["search"], **data} if "search" in start else dict(data)
    result.setdefault("tokenizer", {"kind": "existing", "directory": str(directory.absolute())})
    own = data.get("model", {})
    if isinstance(own, Mapping):
        theirs = start.get("model", {})
        if own.get("kind", theirs.get("kind")) != theirs.get("kind"):
            raise UserError(
                "model.kind",
                f"{theirs.get('kind')}, as the model in {directory}",
                str(own["kind"]),
                "Leave the section `model` out, or keep to options that change no weight's shape, such as dropout.",
            )
        result["model"] = {**theirs, **own}
    return result
