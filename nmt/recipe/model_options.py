"""Changes to the options of a trained model for a single use: `--model-option KEY=VALUE`."""

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
        directory: a model directory or a run folder.
        changes: applied in order; keys are relative to the section.

    Raises:
        UserError: this is not a model directory; or a change is malformed, names an unknown option, has an invalid
            value, or does not fit the weights.
    """
    directory = model_directory(directory)
    metadata, recipe = read_metadata(directory), read_recipe(directory)
    recorded = model_config(recipe, directory)
    changed, origins = changed_options(recorded, changes, str(directory / RECIPE))
    if (_SECTION, "preset") in origins:
        raise _unfit(directory, [origins[_SECTION, "preset"]], "a preset, which sets sizes")
    if problem := _difference(recorded, changed, directory, metadata):
        raise _unfit(directory, list(dict.fromkeys(origins.values())), problem)
    return changed.model_dump(mode="json")


def changed_options(recorded: ModelConfig, changes: Overrides, where: str) -> tuple[ModelConfig, Origins]:
    """The options with changes applied, and the origin of each change.

    If a change selects another `kind` for a part (a solver, say), options that only the recorded kind has are dropped.

    Args:
        recorded: the original options.
        changes: as in `changed_model`.
        where: file of the original options, for errors.

    Raises:
        UserError: a change is malformed, names an unknown option or has an invalid value.
    """
    document = Document(where, {_SECTION: recorded.model_dump(mode="json")}, {})
    data, origins = apply_overrides(document, changes, _KEYWORD if isinstance(changes, Mapping) else _FLAG)
    _drop_leftovers(_Section, data, (), origins)
    return validated(_Section, data, origins, where).model, origins


def _unfit(directory: Path, given: Sequence[str], got: str) -> UserError:
    expected = f"options that leave the weights in {directory} as they are"
    return UserError(", ".join(given), expected, got, "They cannot change once a model is trained.")


def _drop_leftovers(owner: type[Options], section: dict[str, Any], path: KeyPath, origins: Origins) -> None:
    """Removes, in place, recorded options that the newly selected kind does not have; given options stay."""
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
    """Why the weights do not fit the changed options; empty if they do."""
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
    return f"another value of {lost[0]}, which is stored with the weights" if lost else ""


def _settled(model: EncoderDecoder[Any, Any]) -> dict[str, Tensor]:
    """The model's constants as they are after training."""
    anneal(model, sys.maxsize)
    return _constants(model)


def _constants(model: EncoderDecoder[Any, Any]) -> dict[str, Tensor]:
    """Saved buffers: set by the options, but loading the weights would silently reset them."""
    parameters = dict(model.named_parameters())
    return {name: value for name, value in named_weights(model).items() if name not in parameters}
