"""A model directory with 8-bit weights, made of one in floating point."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import nmt
from nmt.bundle import FORMAT_VERSION, WEIGHTS, load_bundle, read_metadata, save_bundle
from nmt.errors import UserError
from nmt.models.quantization import quantized


def quantize_model(model: Path, output: Path) -> tuple[int, int]:
    """Writes the directory, whole or not at all.

    Args:
        model: a model directory.
        output: the one to write; a directory that is there is replaced.

    Returns:
        The sizes in bytes of the weights before and after.

    Raises:
        UserError: this is no model directory, or one that is quantised already; `output` is the same or inside it, or
            cannot be written.
    """
    check_floating(model, "Quantise the model that it was made from.")
    here, there = model.resolve(), output.resolve()
    if there.is_relative_to(here) or here.is_relative_to(there):
        raise UserError(str(output), f"a directory apart from {model}", "the same one, or one inside the other")
    bundle = load_bundle(model)
    metadata = bundle.metadata.model_copy(
        update={
            "format_version": FORMAT_VERSION,
            "nmt_version": nmt.__version__,
            "weights": "int8",
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "scores": {},
            "provenance": {"quantized_from": str(model), "like": bundle.metadata.provenance},
        }
    )
    save_bundle(output, quantized(bundle.model), bundle.tokenizers, bundle.recipe, metadata)
    return (model / WEIGHTS).stat().st_size, (output / WEIGHTS).stat().st_size


def check_floating(model: Path, fix: str) -> None:
    """What cannot go on from rounded weights says so.

    Raises:
        UserError: this is no model directory, or its weights are 8-bit.
    """
    if read_metadata(model).weights == "int8":
        raise UserError(str(model), "weights in floating point", "8-bit ones", fix)
