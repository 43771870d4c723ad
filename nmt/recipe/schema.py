"""The JSON schema of recipes, with which an editor completes keys and shows their descriptions."""

from __future__ import annotations

import json
from typing import Any

from nmt.recipe.recipe import Recipe

EDITOR_HINT = "# yaml-language-server: $schema="
"""With the path of the schema appended, the first line of a recipe; VS Code, Neovim and others read it."""


def recipe_schema() -> str:
    """JSON Schema 2020-12."""
    schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Recipe.model_json_schema()
    # name defaults to the file's name, model to that of training.start_from
    schema["required"] = [key for key in schema["required"] if key not in ("name", "model")]
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
