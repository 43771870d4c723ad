"""Checks a study before anything runs: its files, measures, test sets and sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nmt.errors import UserError
from nmt.recipe import Recipe
from nmt.recipe.examine import FIRST, examine
from nmt.study.measure import StudyMeasure
from nmt.study.plan import Plan, Variant, raise_study
from nmt.study.sizes import Size, sizes_of, unequal


@dataclass(frozen=True)
class Checked:
    """What the check of a study found."""

    sizes: Mapping[str, Size]
    """By system."""
    suspicions: list[str]
    """Settings that are probably not intended."""


def check(plan: Plan) -> Checked:
    """Checks the files that the recipes name, the study's measures against the recipes, and equal sizes.

    Raises:
        UserError: with every mistake.
    """
    mistakes, suspicions = dict[str, UserError](), dict[str, None]()
    for variant in plan.variants:
        recipe = plan.recipes[variant.name]
        found = examine(recipe, variant.recipe, variant.settings, FIRST)
        for mistake in (*found.mistakes, *_unmeasured(plan, variant, recipe)):
            mistakes.setdefault(str(mistake), mistake)
        suspicions |= dict.fromkeys(map(str, found.suspicions))
    raise_study(list(mistakes.values()), plan.document.where)
    sizes = sizes_of(plan)
    raise_study(list(unequal(plan, sizes)), plan.document.where)
    return Checked(sizes, list(suspicions))


def _unmeasured(plan: Plan, variant: Variant, recipe: Recipe) -> Iterator[UserError]:
    measures: list[tuple[tuple[str | int, ...], StudyMeasure]] = [(("measure",), plan.study.measure)]
    measures += [(("also", number), measure) for number, measure in enumerate(plan.study.also)]
    for key, measure in measures:
        where = plan.where(key)
        if missing := measure.missing(recipe):
            asked = ", ".join(recipe.evaluation.measures or ())
            yield UserError(
                where,
                f"a measure that the recipe of {variant.name} computes",
                missing,
                f"Set evaluation.measures in the study's `settings`, as `evaluation.measures: [{missing}]`."
                + (f" It is [{asked}] now." if asked else ""),
            )
        tests = _test_sets(recipe)
        if measure.test_set is not None and tests is not None and (measure.test_set or not tests):
            if not tests:
                yield UserError(where, f"a recipe of {variant.name} with a test set", "none", "Set corpus.tests.")
            elif measure.test_set not in tests:
                yield UserError(where, f"a test set of {variant.name}: {', '.join(tests)}", repr(measure.test_set))


def _test_sets(recipe: Recipe) -> list[str] | None:
    """Names of the test sets that the recipe names; None if its corpus always has the same."""
    named = recipe.corpus.model_dump(mode="json").get("tests")
    return None if named is None else list(named)
