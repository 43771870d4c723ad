"""The search settings in a model directory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from nmt.errors import UserError
from nmt.search import Sampling, SearchConfig

_MOST_TOKENS = 100


def own_search(recipe: Mapping[str, Any]) -> SearchConfig:
    """The search in a model's recipe; an empty section means beam search with its defaults.

    Args:
        recipe: the resolved recipe, as plain data.

    Raises:
        UserError: this version of the toolkit does not know the recipe's search.
    """
    adapter: TypeAdapter[SearchConfig] = TypeAdapter(SearchConfig)
    try:
        return adapter.validate_python({"kind": "beam", **(recipe.get("search") or {})})
    except (ValidationError, TypeError) as error:
        problem = str(error.errors()[0]["msg"]) if isinstance(error, ValidationError) else "not a mapping"
        raise UserError("the model's recipe.yaml: search", "a search that this version knows", problem) from error


def own_sampling(recipe: Mapping[str, Any]) -> Sampling:
    """Sampling settings of a language model: its recipe's search if that is sampling, else the defaults.

    Raises:
        UserError: as `own_search`.
    """
    search = own_search(recipe)
    return search if isinstance(search, Sampling) else Sampling(max_length_offset=_MOST_TOKENS)
