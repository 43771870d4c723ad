"""Effects of the task on a recipe: the defaults of a language model, and the settings that fit each task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nmt.conflict import Conflict
from nmt.evaluation.measures import MEASURES
from nmt.evaluation.scores import text_measures, token_measures
from nmt.models import LANGUAGE_MODELS

if TYPE_CHECKING:
    from nmt.recipe.recipe import Recipe

_OF_LANGUAGE_MODELS: Mapping[str, Mapping[str, Any]] = {
    "corpus": {"source": None},
    "training": {"best_by": "loss"},
    "search": {"kind": "sampling", "max_length_offset": 100},
}
"""Defaults by section that differ from those of translation."""
_LEAVE_OUT = "Leave it out."


def with_defaults_of_task(data: Mapping[str, Any]) -> dict[str, Any]:
    """The parsed data of a recipe, with the defaults of a language model filled in if it is one."""
    result = dict(data)
    if data.get("task") == "language_model":
        for name, defaults in _OF_LANGUAGE_MODELS.items():
            section = data.get(name, {})
            if isinstance(section, Mapping) and (
                "kind" not in defaults or section.get("kind", "sampling") == "sampling"
            ):
                result[name] = {**defaults, **section}
    return result


def task_conflicts(recipe: Recipe) -> Iterator[Conflict]:
    """Conflicts of the task with the model and with other sections."""
    if recipe.task != recipe.model.task:
        yield _another_task(recipe)
    elif recipe.task == "translation":
        if recipe.corpus.source is None:
            yield Conflict(
                keys=(("corpus", "source"),),
                expected="the language to translate from",
                got="nothing",
                fix="To train on text of one language, set `task: language_model` and choose a language model.",
            )
    else:
        yield from _without_source(recipe)
        yield from _without_translations(recipe)


def _another_task(recipe: Recipe) -> Conflict:
    kind = recipe.model.kind
    if recipe.task == "translation":
        fix = "Write the line `task: language_model` at the top of the recipe."
    else:
        fix = f"Choose {' or '.join(LANGUAGE_MODELS)} as model.kind, or leave the line `task: language_model` out."
    return Conflict(
        keys=(("task",), ("model", "kind")),
        expected=f"task {recipe.model.task}, the task of the model {kind}",
        got=recipe.task,
        fix=fix,
    )


def _without_source(recipe: Recipe) -> Iterator[Conflict]:
    """Settings about a source side, which a language model does not have."""
    if recipe.corpus.source is not None:
        yield Conflict(
            keys=(("corpus", "source"),),
            expected="no source: a language model reads only the text of corpus.target",
            got=recipe.corpus.source,
            fix=f"{_LEAVE_OUT} From a corpus of pairs, the target side is used.",
        )
    yield from recipe.tokenizer.conflicts_alone()


def _without_translations(recipe: Recipe) -> Iterator[Conflict]:
    """Settings that need translations, which a language model does not make."""
    known = ", ".join(token_measures(MEASURES))
    for key, names in (
        (("evaluation", "measures"), recipe.evaluation.measures or ()),
        (("training", "best_by"), () if recipe.training.best_by == "loss" else (recipe.training.best_by,)),
    ):
        if strange := text_measures(names):
            yield Conflict(
                keys=(key,),
                expected=f"a measure of a language model: {'loss, ' if key[0] == 'training' else ''}{known}",
                got=strange[0],
                fix="Other measures compare translations with references.",
            )
    if recipe.search.kind != "sampling":
        yield Conflict(
            keys=(("search", "kind"),),
            expected="sampling, with which `nmt generate` draws lines from a language model",
            got=recipe.search.kind,
            fix="Leave `search` out, or set options of sampling, such as search.temperature.",
        )


def without_effect(recipe: Recipe) -> Iterator[Conflict]:
    """Settings that have no effect on a language model."""
    if recipe.task == "translation":
        return
    usual = type(recipe.corpus).model_fields["cleaning"].default
    for name in ("max_length_ratio", "max_word_ratio"):
        value = getattr(recipe.corpus.cleaning, name)
        if value not in (None, getattr(usual, name)):
            yield _useless(("corpus", "cleaning", name), value, "it compares the two sides of a pair")
    if recipe.evaluation.tokenize != "auto":
        words = "words of a language model's text are separated by blanks"
        yield _useless(("evaluation", "tokenize"), recipe.evaluation.tokenize, words)
    if recipe.evaluation.translation.split != "auto":
        path = ("evaluation", "translation", "split")
        yield _useless(path, recipe.evaluation.translation.split, "lines are measured unsplit")
    if recipe.evaluation.translation.language_model is not None:
        path = ("evaluation", "translation", "language_model")
        yield _useless(path, recipe.evaluation.translation.language_model, "it helps translations")


def _useless(path: tuple[str, ...], value: object, why: str) -> Conflict:
    return Conflict((path,), "nothing with task language_model", str(value), f"It has no effect: {why}. {_LEAVE_OUT}")
