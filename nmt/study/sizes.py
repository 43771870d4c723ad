"""Parameters and updates of each system, and the check that what a study compares at equal amounts is equal."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.documents import KeyPath
from nmt.errors import UserError
from nmt.models import ModelConfig
from nmt.models.empty import empty_model
from nmt.models.weights import parameter_count
from nmt.pipeline.ids import TOKENIZER
from nmt.recipe import Recipe
from nmt.study.plan import Plan, Variant
from nmt.tokenizer import load_tokenizers

_WIDTHS: tuple[KeyPath, ...] = (("model_dim",), ("decoder", "model_dim"))
"""Where the options of models have their width."""
_NEAR = range(25, 401)
"""Widths that are tried to match a number of parameters, in percent of the present one."""


@dataclass(frozen=True)
class Size:
    """How large a system is, and how long it is trained."""

    parameters: int
    updates: int
    vocabularies: tuple[int, int]
    """Sizes of the source and target vocabulary."""
    bound: bool = False
    """Whether the text determines the vocabulary, so that `parameters` is only an upper bound."""


def sizes_of(plan: Plan, prepared: Mapping[str, Path] | None = None) -> dict[str, Size]:
    """The size of each system, by its name.

    Args:
        plan: the study.
        prepared: run folders in which the tokenizer has been trained, by system; these give exact sizes.

    Raises:
        UserError: a model cannot have the vocabulary that its tokenizer would have.
    """
    return {v.name: _size(plan.recipes[v.name], v, (prepared or {}).get(v.name)) for v in plan.variants}


def unequal(plan: Plan, sizes: Mapping[str, Size]) -> Iterator[UserError]:
    """A mistake for every system that differs from its baseline in the quantity that `compare` names.

    Sizes that are only upper bounds are not compared: see `sizes_of`.
    """
    for variant in plan.variants:
        base = plan.baseline_of(variant)
        own, reference = sizes[variant.name], sizes[base.name]
        if plan.study.compare == "updates" and own.updates != reference.updates:
            yield UserError(
                f"{variant.where}: {variant.name}",
                f"training.updates of {reference.updates:,}, as in {base.name}, because of `compare: updates`",
                f"{own.updates:,}",
            )
        if plan.study.compare == "parameters" and not own.bound and not reference.bound:
            share = deviation(own, reference)
            if abs(share) > plan.study.parameter_tolerance:
                yield UserError(
                    f"{variant.where}: {variant.name}",
                    f"parameters within {plan.study.parameter_tolerance:.1%} of the {reference.parameters:,} of "
                    f"{base.name}, because of `compare: parameters`",
                    f"{own.parameters:,} ({share:+.1%})",
                    _fitting_width(plan.recipes[variant.name].model, own, reference.parameters),
                )


def deviation(own: Size, reference: Size) -> float:
    """The share by which a system has more parameters than another; negative for fewer."""
    return own.parameters / reference.parameters - 1


def _size(recipe: Recipe, variant: Variant, run: Path | None) -> Size:
    vocabularies = recipe.tokenizer.vocabulary_sizes
    bound = recipe.tokenizer.sizes_are_bounds
    if run is not None and (run / TOKENIZER).is_dir():
        tokenizers = load_tokenizers(run / TOKENIZER)
        vocabularies = tokenizers.source.vocabulary_size, tokenizers.target.vocabulary_size
        bound = False
    try:
        parameters = _parameters(recipe.model, vocabularies)
    except ValueError as error:
        raise UserError(f"{variant.where}: {variant.name}", "a model that can be built", str(error)) from None
    return Size(parameters, recipe.training.updates, vocabularies, bound)


def _parameters(model: ModelConfig, vocabularies: Sequence[int]) -> int:
    return parameter_count(empty_model(model, *vocabularies))


def _fitting_width(model: ModelConfig, own: Size, wanted: int) -> str:
    """A sentence with the width that comes closest to a number of parameters; empty if the model has no single one."""
    plain = model.model_dump(mode="json")
    path = next((path for path in _WIDTHS if isinstance(_at(plain, path), int)), None)
    if path is None:
        return ""
    width = _at(plain, path)
    best, found = own.parameters, width
    low, high = width * _NEAR.start // 100, width * _NEAR.stop // 100
    for candidate in range(max(low, 1), high, max((high - low) // 200, 1)):
        parameters = _with_width(model, plain, path, candidate, own.vocabularies)
        if parameters is not None and abs(parameters - wanted) < abs(best - wanted):
            best, found = parameters, candidate
    if found == width:
        return ""
    key = ".".join(("model", *map(str, path)))
    return f"{key}: {found} (now {width}) would give {best:,} ({best / wanted - 1:+.1%})."


def _with_width(
    model: ModelConfig, plain: dict[str, Any], path: KeyPath, width: int, vocabularies: Sequence[int]
) -> int | None:
    """Parameters of the model with another width; None if there is no such model."""
    changed = copy.deepcopy(plain)
    _at(changed, path[:-1])[path[-1]] = width
    try:
        return _parameters(type(model).model_validate(changed), vocabularies)
    except ValueError:  # heads that do not divide the width, for example
        return None


def _at(plain: Any, path: KeyPath) -> Any:  # noqa: ANN401 -- plain options
    for key in path:
        plain = plain.get(key) if isinstance(plain, dict) else None
    return plain
