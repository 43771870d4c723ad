"""Makes a model directory with 8-bit weights from one in floating point."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import nmt
from nmt.bundle import WEIGHTS, check_apart, check_floating, load_bundle, model_directory, save_bundle
from nmt.models.quantization import quantized


def quantize_model(model: Path, output: Path) -> tuple[int, int]:
    """Writes the quantised model directory completely or not at all.

    Args:
        model: a model directory or a run folder.
        output: the model directory to write; an existing one is replaced.

    Returns:
        Sizes of the weights in bytes, before and after.

    Raises:
        UserError: `model` is not a model directory or is already quantised; `output` is the same folder or inside it,
            or cannot be written.
    """
    model = model_directory(model)
    check_floating(model, "Use the model that it was quantised from.")
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
