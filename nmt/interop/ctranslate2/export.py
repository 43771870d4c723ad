"""Export of a Transformer's model directory to a directory that CTranslate2 loads.

OUT/
  model.bin, config.json        CTranslate2's own files
  shared_vocabulary.json        the pieces by id; or source_vocabulary.json and target_vocabulary.json
  tokenizer/                    as in the model directory, to encode and decode text
"""

from __future__ import annotations

from pathlib import Path

from nmt.bundle import (
    RECIPE,
    TOKENIZER,
    check_apart,
    check_floating,
    load_bundle,
    model_config,
    model_directory,
    read_metadata,
    read_recipe,
    whole_directory,
)
from nmt.errors import UserError
from nmt.interop.ctranslate2.specification import specs, transformer_spec
from nmt.models.transformer import Transformer
from nmt.tokenizer import save_tokenizers

MODEL_FILE = "model.bin"
_RUNS_HERE = "`nmt translate` runs this model."


def export_ctranslate2(model: Path, out: Path, quantization: str | None = None) -> None:
    """Writes the directory, as a whole or not at all.

    Args:
        model: a model directory, or the folder of a run.
        out: the directory to write; an existing one is replaced.
        quantization: CTranslate2's name of the type to store weights in; None: float32.

    Raises:
        UserError: this is not a model directory, the model is not a Transformer, or its weights are quantised;
            CTranslate2 is not installed, or does not know the quantization; `out` cannot be written, or one of the two
            directories contains the other.
    """
    model = model_directory(model)
    config = _transformer_config(model)
    _check_quantization(quantization)
    check_apart(model, out)
    check_floating(model, "Export the model that it was made from; --quantization int8 makes CTranslate2 quantise it.")
    bundle = load_bundle(model)
    spec = transformer_spec(bundle.model, config, bundle.tokenizers)
    spec.validate()
    spec.optimize(quantization=quantization)  # in place: changes the bundle's weights
    with whole_directory(out) as part:
        spec.save(str(part))
        save_tokenizers(bundle.tokenizers, part / TOKENIZER)


def _transformer_config(model: Path) -> Transformer.Config:
    read_metadata(model)  # reports a damaged one
    config = model_config(read_recipe(model), model)
    if config.kind != "transformer":
        raise UserError(
            f"{model / RECIPE}: model.kind",
            "transformer, the only one of our architectures that CTranslate2 supports",
            config.kind,
            _RUNS_HERE,
        )
    parts = {
        "encoder_mixer": ("attention", config.encoder_mixer.kind),
        "decoder_mixer": ("attention", config.decoder_mixer.kind),
        "encoder_norm": ("layer", config.encoder_norm.kind),
        "decoder_norm": ("layer", config.decoder_norm.kind),
        "output": ("full", config.output.kind),
    }
    for key, (theirs, ours) in parts.items():
        if ours != theirs:
            raise UserError(f"{model / RECIPE}: model.{key}.kind", f"{theirs}, as in CTranslate2", ours, _RUNS_HERE)
    return config


def _check_quantization(quantization: str | None) -> None:
    known = specs().model_spec.ACCEPTED_MODEL_TYPES
    if quantization is not None and quantization not in known:
        raise UserError("quantization", "one of none, " + ", ".join(known), quantization)
