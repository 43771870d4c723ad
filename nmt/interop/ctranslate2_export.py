"""A model directory of a Transformer becomes a directory that CTranslate2 loads.

OUT/
  model.bin, config.json                      as CTranslate2 has them
  shared_vocabulary.json, or source_… target_…    the pieces by id
  tokenizer/                                  ours, for the text on both ends
"""

from __future__ import annotations

from pathlib import Path

from nmt.bundle import TOKENIZER, load_bundle, model_config, read_metadata, read_recipe, whole_directory
from nmt.errors import UserError
from nmt.interop.ctranslate2 import specs, transformer_spec
from nmt.tokenizer import save_tokenizers

MODEL_FILE = "model.bin"


def export_ctranslate2(model: Path, out: Path, quantization: str | None = None) -> None:
    """Writes the directory, whole or not at all.

    Args:
        model: a model directory.
        out: a directory there is replaced.
        quantization: how CTranslate2 is to store the weights, a name of its own; None: float32.

    Raises:
        UserError: this is no model directory, or not of a Transformer; CTranslate2 is not installed, or does not know
            the quantization; `out` cannot be written, or is, or lies in, the model directory.
    """
    if out.resolve().is_relative_to(model.resolve()) or model.resolve().is_relative_to(out.resolve()):
        raise UserError(str(out), f"a directory apart from {model}", "one that holds it or lies in it")
    read_metadata(model)
    config = model_config(read_recipe(model), model)
    if config.kind != "transformer":
        raise UserError(
            f"{model}/recipe.yaml: model.kind",
            "transformer, the one architecture of ours that CTranslate2 has",
            config.kind,
            "`nmt translate` runs this model.",
        )
    known = specs().model_spec.ACCEPTED_MODEL_TYPES
    if quantization is not None and quantization not in known:
        raise UserError("--quantization", "one of none, " + ", ".join(known), repr(quantization))
    bundle = load_bundle(model)
    spec = transformer_spec(bundle.model, config, bundle.tokenizers)
    spec.validate()
    spec.optimize(quantization=quantization)
    with whole_directory(out) as part:
        spec.save(str(part))
        save_tokenizers(bundle.tokenizers, part / TOKENIZER)
