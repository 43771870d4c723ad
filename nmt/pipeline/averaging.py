"""Averages several trained models of the same architecture into one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nmt
from nmt.bundle import (
    METADATA,
    MODEL,
    WEIGHTS,
    Metadata,
    check_floating,
    load_bundle,
    model_config,
    read_metadata,
    read_recipe,
    save_bundle,
)
from nmt.errors import UserError
from nmt.models.weights import averaged_names, load_weights
from nmt.options import with_effect
from nmt.pipeline.training import TRAIN
from nmt.training.checkpoint import average_weights

CHECKPOINTS = "weights_*.safetensors"


def average_models(inputs: Sequence[Path], output: Path, like: Path | None = None) -> Metadata:
    """Writes a model directory with the mean of the weights, and returns its metadata.

    Args:
        inputs: model directories, run folders, weights files of a training, or its folder checkpoints/, which stands
            for all its weights files. Oldest first: tensors that are not averaged come from the last.
        output: the model directory to write.
        like: model directory with the architecture and tokenizer; by default the first input that is one, or the
            model/ of the run that the weights files belong to.

    Raises:
        UserError: an input is missing or damaged, or the inputs do not match.
    """
    inputs = [path / MODEL if (path / MODEL / METADATA).exists() else path for path in inputs]
    files = [file for path in inputs for file in _weights_files(path)]
    if len(files) < 2:
        raise UserError(" ".join(map(str, inputs)), "at least two sets of weights to average", str(len(files)))
    directories = [path for path in inputs if (path / METADATA).exists()]
    for directory in (*directories, *([like] if like else [])):
        check_floating(directory, "Average the models that they were quantised from, then quantise the mean.")
    like = like or next(iter(directories), None) or _model_of_run(files[0])
    for directory in directories:
        _check_alike(directory, like)
    bundle = load_bundle(like)
    load_weights(bundle.model, average_weights(files, averaged_names(bundle.model)), str(files[0]))
    metadata = bundle.metadata.model_copy(
        update={
            "nmt_version": nmt.__version__,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "scores": {},
            "provenance": {"average_of": [str(file) for file in files], "like": bundle.metadata.provenance},
        }
    )
    save_bundle(output, bundle.model, bundle.tokenizers, bundle.recipe, metadata)
    return metadata


def _weights_files(path: Path) -> list[Path]:
    if not path.exists():
        raise UserError(str(path), "a model directory, or weights of a training", "no such file or folder")
    if path.is_dir() and not (path / METADATA).exists():
        found = sorted(path.glob(CHECKPOINTS))
        if not found:
            raise UserError(str(path), f"a model directory, or a folder of {CHECKPOINTS}", "neither")
        return found
    return [path / WEIGHTS if path.is_dir() else path]


def _model_of_run(file: Path) -> Path:
    """The model directory of the run whose training wrote this file."""
    run = file.absolute().parent.parent.parent
    if not (run / TRAIN).is_dir() or not (run / MODEL / METADATA).exists():
        raise UserError(
            str(file),
            "a run with a finished model/, for its architecture and tokenizer",
            "none",
            "Name a model directory of the same recipe with --like.",
        )
    return run / MODEL


def _check_alike(directory: Path, like: Path) -> None:
    ours, theirs = read_metadata(directory), read_metadata(like)
    if ours.tokenizer_digests != theirs.tokenizer_digests:
        raise UserError(str(directory), f"the tokenizer of {like}", "another one, whose ids stand for other pieces")
    if _arithmetic(directory) != _arithmetic(like):
        fix = "Only models with equal options can be averaged."
        raise UserError(str(directory), f"the model options of {like}", "others", fix)


def _arithmetic(directory: Path) -> dict[str, Any]:
    """The model's options, including defaults, without those that affect only training."""
    return with_effect(model_config(read_recipe(directory), directory), None)
