"""A model directory with 8-bit weights, made of one in floating point."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import nmt
from nmt.bundle import WEIGHTS, check_apart, check_floating, load_bundle, model_directory, save_bundle
from nmt.models.quantization import quantized


def quantize_model(model: Path, output: Path) -> tuple[int, int]:
    """Writes the directory, whole or not at all.

    Args:
        model: a model directory, or the folder of a run.
        output: the one to write; a directory that is there is replaced.

    Returns:
        The sizes in bytes of the weights before and after.

    Raises:
        UserError: this is no model directory, or one that is quantised already; `output` is the same or inside it, or
            cannot be written.
    """
    model = model_directory(model)
    check_floating(model, "Quantise the model that it was made from.")
    check_apart(model, output)
    bundle = load_bundle(model)
    metadata = bundle.metadata.model_copy(
        update={
            "nmt_version": nmt.__version__,
            "weights": "int8",
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "scores": {},
            "provenance": {"quantized_from": str(model), "like": bundle.metadata.provenance},
        }
    )
    save_bundle(output, quantized(bundle.model), bundle.tokenizers, bundle.recipe, metadata)
    return (model / WEIGHTS).stat().st_size, (output / WEIGHTS).stat().st_size
