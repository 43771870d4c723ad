"""Effects of `data.context` on a recipe: a default, and the settings that do not go with documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nmt.conflict import Conflict

if TYPE_CHECKING:
    from nmt.recipe.recipe import Recipe

_LEAVE_OUT = "Leave one of the two out."


def with_defaults_of_context(data: Mapping[str, Any]) -> dict[str, Any]:
    """The parsed data of a recipe; if it trains on documents, it translates documents by default."""
    result = dict(data)
    section = data.get("data")
    if isinstance(section, Mapping) and section.get("context") == "document":
        evaluation = data.get("evaluation", {})
        translation = evaluation.get("translation", {}) if isinstance(evaluation, Mapping) else None
        if isinstance(evaluation, Mapping) and isinstance(translation, Mapping):
            result["evaluation"] = {**evaluation, "translation": {"documents": True, **translation}}
    return result


def context_conflicts(recipe: Recipe) -> Iterator[Conflict]:
    """Conflicts of `data.context` with other sections."""
    yield from recipe.data.conflicts(documents=recipe.corpus.has_documents, max_length=recipe.training.max_length)
    key = ("data", "context")
    if not recipe.data.joins:
        if recipe.evaluation.translation.documents:
            yield Conflict(
                keys=(("evaluation", "translation", "documents"), key),
                expected="data.context document: a model that reads one sentence at a time cannot translate documents",
                got="true",
                fix=_LEAVE_OUT,
            )
        return
    if recipe.task == "language_model":
        yield Conflict(
            keys=(key, ("task",)),
            expected="sentence with task language_model",
            got="document",
            fix="Leave it out: a language model is trained and measured line by line.",
        )
    if recipe.training.objective.needs_source:
        yield Conflict(
            keys=(key, ("training", "objective")),
            expected=f"sentence with {recipe.training.objective.kind}, which draws translations of single sentences",
            got="document",
            fix=_LEAVE_OUT,
        )
    if recipe.search.n_best > 1 and recipe.evaluation.translation.documents:
        yield Conflict(
            keys=(("search", "n_best"), key),
            expected="1 with documents: sentences are translated together, and so are their alternatives",
            got=str(recipe.search.n_best),
            fix=_LEAVE_OUT,
        )
