"""The search that a model directory asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from nmt.errors import UserError
from nmt.search import Sampling, SearchConfig

_MOST_TOKENS = 100


def own_search(recipe: Mapping[str, Any]) -> SearchConfig:
    """The search of a model's recipe; a section that says nothing is beam search with its defaults.

    Args:
        recipe: resolved, as plain data.

    Raises:
        UserError: the recipe has a search that this version does not know.
    """
    adapter: TypeAdapter[SearchConfig] = TypeAdapter(SearchConfig)
    try:
        return adapter.validate_python({"kind": "beam", **(recipe.get("search") or {})})
    except (ValidationError, TypeError) as error:
        problem = str(error.errors()[0]["msg"]) if isinstance(error, ValidationError) else "no mapping"
        raise UserError("the model's recipe.yaml: search", "a search that this version knows", problem) from error


def own_sampling(recipe: Mapping[str, Any]) -> Sampling:
    """How a language model's lines are drawn: its recipe's search, or the usual sampling where that is another one.

    Raises:
        UserError: as `own_search`.
    """
    search = own_search(recipe)
    return search if isinstance(search, Sampling) else Sampling(max_length_offset=_MOST_TOKENS)
