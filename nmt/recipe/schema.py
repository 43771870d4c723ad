"""The JSON schema of recipes, with which an editor completes keys and shows their descriptions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nmt.options import Options
from nmt.recipe.recipe import Recipe

EDITOR_HINT = "# yaml-language-server: $schema="
"""With the path of the schema appended, the first line of a recipe; VS Code, Neovim and others read it."""


def recipe_schema() -> str:
    """JSON Schema 2020-12."""
    # name defaults to the file's name, model to that of training.start_from
    return schema_of(Recipe, optional=("name", "model"))


def schema_of(options: type[Options], optional: Sequence[str] = ()) -> str:
    """The JSON Schema 2020-12 of a file with these options.

    Args:
        options: the class of the whole file.
        optional: required options that the file may leave out.
    """
    schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | options.model_json_schema()
    schema["required"] = [key for key in schema["required"] if key not in optional]
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
