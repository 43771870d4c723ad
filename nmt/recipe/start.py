"""Checks a recipe's model against the one its training starts from, without loading any weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nmt.bundle import WEIGHTS, model_directory, read_metadata
from nmt.conflict import Conflict
from nmt.errors import UserError
from nmt.models import ModelConfig
from nmt.models.base import EncoderDecoder
from nmt.models.empty import empty_model
from nmt.models.freezing import freeze
from nmt.models.weights import read_shapes, shapes_difference, shapes_of
from nmt.tokenizer import TokenizerOptions
from nmt.tokenizer.existing import ExistingTokenizer
from nmt.training import Training


def start_conflicts(model: ModelConfig, tokenizer: TokenizerOptions, training: Training) -> Iterator[Conflict]:
    """Conflicts of `training.start_from`, `training.freeze` and `training.objective` with the rest of the recipe."""
    start, objective = training.start_from, training.objective
    written = "refine" if "refine" in training.model_fields_set else "objective"
    if objective.needs_source and model.task == "language_model":
        yield Conflict(
            keys=(("training", written), ("model", "kind")),
            expected=f"a translation model with {objective.kind}, which rewards similarity to reference translations",
            got=f"{model.kind}, a language model, which does not translate",
            fix=f"Leave training.{written} out: language models are trained by likelihood.",
        )
    elif objective.needs_start and not start:
        yield Conflict(
            keys=(("training", written),),
            expected=f"training.start_from with {objective.kind}, which refines a trained model",
            got="none",
            fix="Set training.start_from to a trained model's directory.",
        )
    if start and not isinstance(tokenizer, ExistingTokenizer):
        yield Conflict(
            keys=(("training", "start_from"), ("tokenizer",)),
            expected="the tokenizer of the model that training starts from",
            got="another one, whose ids stand for other pieces",
            fix="Leave the section `tokenizer` out.",
        )
    elif start or training.freeze:
        built = empty_model(model, *tokenizer.vocabulary_sizes)
        yield from _parts_conflicts(built, training.freeze, start)


def _parts_conflicts(model: EncoderDecoder[Any, Any], frozen: Sequence[str], start: Path | None) -> Iterator[Conflict]:
    if start and read_metadata(start).weights == "int8":
        yield Conflict(
            keys=(("training", "start_from"),),
            expected="a model with floating-point weights",
            got="8-bit weights",
            fix="Start from the model that it was quantised from.",
        )
    elif start and (problem := shapes_difference(shapes_of(model), read_shapes(model_directory(start) / WEIGHTS))):
        yield Conflict(
            keys=(("model",), ("training", "start_from")),
            expected=f"options that change no weight's shape in {start}",
            got=problem,
            fix="Leave the section `model` out, or keep to options such as dropout.",
        )
    try:
        freeze(model, frozen)
    except UserError as error:
        yield Conflict(keys=(("training", "freeze"),), expected=error.expected, got=error.got, fix=error.fix)
