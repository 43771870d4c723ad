"""The interface of tokenizers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nmt.conflict import Conflict
from nmt.options import Options


@dataclass(frozen=True)
class SpecialTokens:
    """Ids of the four special tokens, the same in every tokenizer of this toolkit."""

    pad: int = 0
    unk: int = 1
    bos: int = 2
    eos: int = 3


SPECIAL = SpecialTokens()

TWO_VOCABULARIES = Conflict(
    keys=(("tokenizer", "joint"),),
    expected="one vocabulary: a language model has one text",
    got="false",
    fix="Leave it out.",
)
"""What a language model finds fault with."""


class Tokenizer(Protocol):
    """Turns a line of one language into token ids and back."""

    @property
    def vocabulary_size(self) -> int:
        """Number of ids, the special ones included."""

    @property
    def digest(self) -> str:
        """SHA-256 of the tokenizer's file, hexadecimal; a model directory checks it when loading."""

    @property
    def options(self) -> Options:
        """The options it was trained with. Their `kind` identifies the tokenizer, and they can `load` its file."""

    def reading(self) -> Tokenizer:
        """This tokenizer for source text, which some tokenizers segment differently from target text."""

    def encode(self, line: str) -> list[int]:
        """Token ids of one line, without BOS and EOS; empty for a blank line."""

    def encode_sampled(self, lines: Sequence[str], seed: int) -> list[list[int]]:
        """One random segmentation of each line (subword regularisation, BPE dropout).

        A pure function of its arguments; equals `encode` if sampling is off.
        """

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these ids; special tokens are dropped."""

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The ids as readable pieces, for alignments and debugging."""

    def save(self, path: Path) -> None:
        """Writes the tokenizer as one file."""


@dataclass(frozen=True)
class TokenizerPair:
    """The tokenizers of a model's source and target; the same object twice if the vocabulary is joint."""

    source: Tokenizer
    target: Tokenizer

    @property
    def joint(self) -> bool:
        """Whether both sides share one vocabulary."""
        return self.source.digest == self.target.digest
