"""The tokenizers of a model directory, read again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from nmt.errors import UserError
from nmt.tokenizer.base import Tokenizer, TokenizerPair
from nmt.tokenizer.folder import DESCRIPTION, check_digest, read_description
from nmt.tokenizer.moses_bpe import MosesBPEOptions
from nmt.tokenizer.sentencepiece import SentencePieceOptions
from nmt.tokenizer.sentencepiece_vocabulary import SentencePieceVocabularyOptions
from nmt.tokenizer.symbols import SymbolsOptions

SavedTokenizerOptions = Annotated[
    SentencePieceOptions | SymbolsOptions | SentencePieceVocabularyOptions | MosesBPEOptions,  # | NewTokenizerOptions
    Field(discriminator="kind"),
]
"""What a model directory may hold: what can be trained, and the tokenizers of imported models."""


def load_tokenizers(directory: Path) -> TokenizerPair:
    """Reads what `save_tokenizers` wrote.

    Raises:
        UserError: a file is missing, or is not the one that was saved.
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
