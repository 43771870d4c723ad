"""Tokenizers: text to token ids and back. A new one joins the union below with one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from nmt.errors import UserError
from nmt.text import file_digest, write_atomically
from nmt.tokenizer.base import SPECIAL, SpecialTokens, Tokenizer, TokenizerPair
from nmt.tokenizer.sentencepiece import SentencePieceOptions

__all__ = [
    "SPECIAL",
    "SpecialTokens",
    "Tokenizer",
    "TokenizerOptions",
    "TokenizerPair",
    "load_tokenizers",
    "save_tokenizers",
]

TokenizerOptions = Annotated[
    SentencePieceOptions,  # | NewTokenizerOptions
    Field(description="How text is cut into tokens."),
]

_DESCRIPTION = "tokenizer.json"
_FORMAT = 1


def save_tokenizers(pair: TokenizerPair, directory: Path) -> None:
    """Writes joint.model, or source.model and target.model, and tokenizer.json, which names them.

    tokenizer.json is written last, so that a folder that has it is whole.
    """
    sides = {"joint": pair.source} if pair.joint else {"source": pair.source, "target": pair.target}
    for side, tokenizer in sides.items():
        tokenizer.save(directory / f"{side}.model")
    description = {
        "format": _FORMAT,
        "models": {
            side: {"options": tokenizer.options.model_dump(mode="json"), "sha256": tokenizer.digest}
            for side, tokenizer in sides.items()
        },
    }
    with write_atomically(directory / _DESCRIPTION) as handle:
        json.dump(description, handle, indent=2, ensure_ascii=False)
        handle.write("\n")


def load_tokenizers(directory: Path) -> TokenizerPair:
    """Reads what `save_tokenizers` wrote.

    Raises:
        UserError: a file is missing, or is not the one that was saved.
    """
    models = _read_description(directory / _DESCRIPTION)
    if set(models) == {"joint"}:
        shared = _load(directory, "joint", models["joint"])
        return TokenizerPair(shared, shared)
    if set(models) == {"source", "target"}:
        return TokenizerPair(*(_load(directory, side, models[side]) for side in ("source", "target")))
    raise UserError(str(directory / _DESCRIPTION), "the models joint, or source and target", ", ".join(sorted(models)))


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        form, models = description["format"], description["models"]
    except OSError as error:
        raise UserError(str(path), "a tokenizer's description", error.strerror or str(error)) from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(str(path), "a tokenizer's description", f"damaged JSON ({error})") from None
    if form != _FORMAT or not isinstance(models, dict):
        raise UserError(str(path), f"format {_FORMAT}", f"format {form}", "Use the version of nmt that wrote it.")
    return models


def _load(directory: Path, side: str, model: dict[str, Any]) -> Tokenizer:
    path = directory / f"{side}.model"
    try:
        options = TypeAdapter[SentencePieceOptions](TokenizerOptions).validate_python(model["options"])
        expected = model["sha256"]
    except (ValidationError, KeyError, TypeError) as error:
        raise UserError(str(directory / _DESCRIPTION), "the options of a known tokenizer", str(error)) from None
    found = file_digest(path)
    if found != expected:
        raise UserError(
            str(path),
            f"the tokenizer that this folder was made with (SHA-256 {expected[:12]})",
            f"another file (SHA-256 {found[:12]})",
            "Restore the original file: token ids of another tokenizer mean other words.",
        )
    return options.load(path)
