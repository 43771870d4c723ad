"""Tokenizers: text to token ids and back. To add one, add it to the union below."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nmt.tokenizer.base import SPECIAL, SpecialTokens, Tokenizer, TokenizerPair
from nmt.tokenizer.existing import ExistingTokenizer
from nmt.tokenizer.folder import save_tokenizers
from nmt.tokenizer.saved import SavedTokenizerOptions, load_tokenizers
from nmt.tokenizer.sentencepiece import SentencePieceOptions
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
