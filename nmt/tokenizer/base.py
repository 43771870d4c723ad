"""What the rest of the toolkit asks of a tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nmt.conflict import Conflict
from nmt.options import Options


@dataclass(frozen=True)
class SpecialTokens:
    """Ids of the four tokens that are not text, equal in every tokenizer that this toolkit trains."""

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
        """SHA-256 of the model, hexadecimal: what a model directory compares before it accepts it."""

    @property
    def options(self) -> Options:
        """What it was trained with. Their `kind` says which tokenizer it is; they can `load` its file."""

    def reading(self) -> Tokenizer:
        """The same tokenizer as it cuts text of the source side, which some read otherwise than they write."""

    def encode(self, line: str) -> list[int]:
        """Token ids of one line, without BOS and EOS; a blank line gives none."""

    def encode_sampled(self, lines: Sequence[str], seed: int) -> list[list[int]]:
        """One random segmentation of each line (subword regularisation, BPE dropout).

        A pure function of its arguments; equal to `encode` where sampling is switched off.
        """

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these ids; special tokens give no text."""

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The ids as readable pieces, for alignments and debugging."""

    def save(self, path: Path) -> None:
        """Writes the tokenizer as one file."""


@dataclass(frozen=True)
class TokenizerPair:
    """The tokenizers of a model's two sides; the same object twice when the vocabulary is joint."""

    source: Tokenizer
    target: Tokenizer

    @property
    def joint(self) -> bool:
        """Whether both sides share one vocabulary."""
        return self.source.digest == self.target.digest
