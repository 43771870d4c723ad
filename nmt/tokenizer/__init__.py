"""Tokenizers: text to token ids and back. To add one, add it to the union below."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from nmt.errors import UserError
from nmt.tokenizer.base import SPECIAL, SpecialTokens, Tokenizer, TokenizerPair
from nmt.tokenizer.existing import ExistingTokenizer
from nmt.tokenizer.folder import DESCRIPTION, check_digest, read_description, save_tokenizers
from nmt.tokenizer.moses_bpe import MosesBPEOptions
from nmt.tokenizer.sentencepiece import SentencePieceOptions
from nmt.tokenizer.sentencepiece_vocabulary import SentencePieceVocabularyOptions
from nmt.tokenizer.symbols import SymbolsOptions

__all__ = [
    "SPECIAL",
    "SavedTokenizerOptions",
    "SpecialTokens",
    "Tokenizer",
    "TokenizerOptions",
    "TokenizerPair",
    "load_tokenizers",
    "save_tokenizers",
]

TokenizerOptions = Annotated[
    SentencePieceOptions | SymbolsOptions | ExistingTokenizer,  # | NewTokenizerOptions
    Field(discriminator="kind", description="Segmentation of text into tokens."),
]
"""Tokenizers that a recipe can choose."""

SavedTokenizerOptions = Annotated[
    SentencePieceOptions | SymbolsOptions | SentencePieceVocabularyOptions | MosesBPEOptions,  # | NewTokenizerOptions
    Field(discriminator="kind"),
]
"""Tokenizers that a model directory may contain, including those of imported models."""


def load_tokenizers(directory: Path) -> TokenizerPair:
    """Reads the files written by `save_tokenizers`.

    Raises:
        UserError: a file is missing, damaged or replaced.
    """
    models = read_description(directory)
    if set(models) == {"joint"}:
        shared = _load(directory, "joint", models["joint"])
        return TokenizerPair(shared.reading(), shared)
    if set(models) == {"source", "target"}:
        source, target = (_load(directory, side, models[side]) for side in ("source", "target"))
        return TokenizerPair(source.reading(), target)
    raise UserError(str(directory / DESCRIPTION), "the models joint, or source and target", ", ".join(sorted(models)))


def _load(directory: Path, side: str, model: dict[str, Any]) -> Tokenizer:
    path = directory / f"{side}.model"
    try:
        options = TypeAdapter[SavedTokenizerOptions](SavedTokenizerOptions).validate_python(model["options"])
        expected = str(model["sha256"])
    except ValidationError as error:
        problem = str(error.errors()[0]["msg"])
        raise UserError(f"{directory / DESCRIPTION}: {side}", "the options of a known tokenizer", problem) from None
    except (KeyError, TypeError, AttributeError) as error:
        expected = "a tokenizer's options and sha256"
        raise UserError(f"{directory / DESCRIPTION}: {side}", expected, f"{type(error).__name__} {error}") from None
    check_digest(path, expected)
    return options.load(path)
