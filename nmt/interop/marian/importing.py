"""Import of a MarianMT model, as saved by Hugging Face's transformers, as a model directory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from torch import Tensor

import nmt
from nmt.bundle import Bundle, Metadata
from nmt.digest import file_digest
from nmt.errors import UserError
from nmt.interop.marian.search import DEFAULTS as SEARCH_DEFAULTS
from nmt.interop.marian.search import marian_search
from nmt.interop.marian.text import marian_text, read_object
from nmt.interop.marian.weights import DEFAULTS, KIND, marian_weights, transformer_config
from nmt.interop.pickle_data import load_pickle, plain_tensors
from nmt.interop.renaming import copied
from nmt.interop.settings import Settings
from nmt.models.empty import empty_model
from nmt.models.weights import parameter_count, put_weights, read_tensors
from nmt.options import LONGEST

WEIGHTS, OLDER_WEIGHTS = "model.safetensors", "pytorch_model.bin"
"""The second is a pickle, still the format of most OPUS-MT models; it is read as data, without running it."""

_OTHER_WEIGHTS = (
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
    "tf_model.h5",
    "flax_model.msgpack",
    "rust_model.ot",
    "*.npz",
)


def import_marian(directory: Path, source_language: str | None = None, target_language: str | None = None) -> Bundle:
    """The imported model, ready for `nmt.bundle.save_bundle`.

    Args:
        directory: has config.json, weights, source.spm, target.spm, vocab.json, and optionally
            generation_config.json, tokenizer_config.json and target_vocab.json.
        source_language: language code, if tokenizer_config.json has none or a wrong one.
        target_language: likewise.

    Raises:
        UserError: a file is missing or damaged, or requires something that is not supported.
    """
    _refuse_native(directory)
    values = read_object(directory / "config.json")
    settings = Settings(values, DEFAULTS, str(directory / "config.json"))
    config = transformer_config(settings)
    generation = directory / "generation_config.json"
    search = marian_search(
        Settings(read_object(generation), SEARCH_DEFAULTS, str(generation))
        if generation.exists()
        else Settings(values, SEARCH_DEFAULTS, settings.where),
        *(settings.token(f"{name}_token_id") for name in ("pad", "decoder_start", "eos")),
    )
    text = marian_text(directory, settings)
    source, target = text.tokenizers.source, text.tokenizers.target
    path, state = _read_weights(directory)
    with settings.fitting():
        weights = marian_weights(state, config.tied_embeddings, text.order, str(path), never_pad=search.never_pad)
        model = empty_model(config, source.vocabulary_size, target.vocabulary_size)
        put_weights(model, copied(weights), str(path))
    metadata = Metadata(
        nmt_version=nmt.__version__,
        source_language=_language("source", source_language or text.source_language),
        target_language=_language("target", target_language or text.target_language),
        source_vocabulary=source.vocabulary_size,
        target_vocabulary=target.vocabulary_size,
        tokenizer_digests={"source": source.digest, "target": target.digest},
        parameters=parameter_count(model),
        longest_source=settings.size("max_position_embeddings", LONGEST) - 1,
        longest_target=settings.size("max_position_embeddings", LONGEST) - 1,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        provenance={
            "imported_from": "marian",
            "directory": directory.absolute().name,
            "weights": path.name,
            "sha256": file_digest(path),
            "architecture": "MarianMTModel",
        },
    )
    recipe = {
        "model": config.model_dump(mode="json"),
        "tokenizer": source.options.model_dump(mode="json"),
        "search": search.options.model_dump(mode="json"),
    }
    return Bundle(model.eval(), text.tokenizers, metadata, recipe)


def _refuse_native(directory: Path) -> None:
    """Refuses a directory of Marian's own files, which transformers can convert."""
    native = [path.name for path in sorted(directory.glob("*.npz"))[:1] + sorted(directory.glob("*.yml"))[:1]]
    if native and not (directory / "config.json").exists():
        raise UserError(
            str(directory),
            "a MarianMT model in Hugging Face's layout",
            f"a model in Marian's own format ({', '.join(native)})",
            "transformers 4 converts it: python -m transformers.models.marian.convert_marian_to_pytorch --src "
            f"{directory} --dest OUT",
        )


def _language(side: str, name: str | None) -> str:
    if not name:
        got = "no source_lang" if side == "source" else "no target_lang"
        fix = f"Give --{side}-language, such as --{side}-language en."
        raise UserError("tokenizer_config.json", f"the {side} language", got, fix)
    return name


def _read_weights(directory: Path) -> tuple[Path, Mapping[str, Tensor]]:
    """The weights file and its contents."""
    path = directory / WEIGHTS
    if path.exists():
        return path, plain_tensors(read_tensors(path)[0], path, f"the weights of {KIND}")
    path = directory / OLDER_WEIGHTS
    if not path.exists():
        others = [found.name for pattern in _OTHER_WEIGHTS for found in sorted(directory.glob(pattern))]
        raise UserError(
            str(directory),
            f"the weights in one file, {WEIGHTS} or {OLDER_WEIGHTS}",
            ", ".join(others) or "neither",
            f"Load the model with transformers and call save_pretrained: it writes {WEIGHTS}." if others else "",
        )
    return path, plain_tensors(load_pickle(path, KIND), path, f"the weights of {KIND}")
