"""The options of a trained model with some of them changed, for one use of it: `--model-option KEY=VALUE`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nmt.bundle import RECIPE, WEIGHTS, Metadata, model_config, model_directory, read_metadata, read_recipe
from nmt.documents import KeyPath
from nmt.errors import UserError
from nmt.models import ModelConfig
from nmt.models.base import EncoderDecoder
from nmt.models.empty import empty_model
from nmt.models.quantization import quantized
from nmt.models.weights import named_weights, read_shapes, shapes_difference, shapes_of
from nmt.nn.annealing import anneal
from nmt.options import Options
from nmt.recipe.document import Document
from nmt.recipe.keys import class_of
from nmt.recipe.load import validated
from nmt.recipe.overrides import Given, Origins, Overrides, apply_overrides

_SECTION = "model"
_EXAMPLE = "decoder_solver.max_iterations=4"
_FLAG, _KEYWORD = (Given(name, _EXAMPLE, (_SECTION,)) for name in ("--model-option", "model_options"))


class _Section(Options):
    model: ModelConfig


def changed_model(directory: Path, changes: Overrides) -> dict[str, Any]:
    """The section `model` of a model directory's recipe with changes, for `nmt.bundle.load_bundle`.

    Args:
        directory: the model directory, or the folder of a run.
        changes: with keys within the section, applied in order.

    Raises:
        UserError: this is no model directory; a change is not of the form, names an unknown option or a wrong value, or
            is one that the weights do not allow.
    """
    directory = model_directory(directory)
    metadata, recipe = read_metadata(directory), read_recipe(directory)
    recorded = model_config(recipe, directory)
    changed, origins = changed_options(recorded, changes, str(directory / RECIPE))
    if (_SECTION, "preset") in origins:
        raise _unfit(directory, [origins[_SECTION, "preset"]], "a preset, which stands for sizes")
    if problem := _difference(recorded, changed, directory, metadata):
        raise _unfit(directory, list(dict.fromkeys(origins.values())), problem)
    return changed.model_dump(mode="json")


def changed_options(recorded: ModelConfig, changes: Overrides, where: str) -> tuple[ModelConfig, Origins]:
    """Options with changes, and who made them.

    Where a change chooses another `kind` for a part (of a solver, say), the options that only the recorded kind has are
    left out.

    Args:
        recorded: the options.
        changes: as for `changed_model`.
        where: they are recorded, for errors.

    Raises:
        UserError: a change is not of the form, or names an unknown option or a wrong value.
    """
    document = Document(where, {_SECTION: recorded.model_dump(mode="json")}, {})
    data, origins = apply_overrides(document, changes, _KEYWORD if isinstance(changes, Mapping) else _FLAG)
    _drop_leftovers(_Section, data, (), origins)
    return validated(_Section, data, origins, where).model, origins


def _unfit(directory: Path, given: Sequence[str], got: str) -> UserError:
    expected = f"options that leave the weights in {directory} as they are"
    return UserError(", ".join(given), expected, got, "These are for good once a model is trained.")


def _drop_leftovers(owner: type[Options], section: dict[str, Any], path: KeyPath, origins: Origins) -> None:
    """Takes out, in place, what was recorded of another kind than is now asked for; what was asked for stays."""
    for name, field in owner.model_fields.items():
        inner, here = section.get(name), (*path, name)
        chosen = class_of(field.annotation, inner.get("kind")) if isinstance(inner, dict) else None
        if chosen is None or inner is None:
            continue
        if (*here, "kind") in origins:
            for key in inner.keys() - chosen.model_fields.keys():
                if not any(known[: len(here) + 1] == (*here, key) for known in origins):
                    del inner[key]
        _drop_leftovers(chosen, inner, here, origins)


def _difference(recorded: ModelConfig, changed: ModelConfig, directory: Path, metadata: Metadata) -> str:
    """What keeps the changed options from the weights, in words; empty if nothing."""
    sizes = metadata.source_vocabulary, metadata.target_vocabulary
    try:
        built = empty_model(changed, *sizes)
    except ValueError as error:
        return str(error)
    stored = quantized(built) if metadata.weights == "int8" else built
    if problem := shapes_difference(shapes_of(stored), read_shapes(directory / WEIGHTS)):
        return problem
    if not _constants(built):
        return ""
    before, after = _settled(recorded.build(*sizes)), _settled(changed.build(*sizes))
    lost = [name for name, value in after.items() if not torch.equal(value, before[name])]
    return f"another value of {lost[0]}, which is one of them" if lost else ""


def _settled(model: EncoderDecoder[Any, Any]) -> dict[str, Tensor]:
    """The model's constants as they are after training."""
    anneal(model, sys.maxsize)
    return _constants(model)


def _constants(model: EncoderDecoder[Any, Any]) -> dict[str, Tensor]:
    """What the options set and loading weights would set back, unseen: saved buffers."""
    parameters = dict(model.named_parameters())
    return {name: value for name, value in named_weights(model).items() if name not in parameters}
