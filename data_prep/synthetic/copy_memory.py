"""The copying memory task (Hochreiter and Schmidhuber 1997; Arjovsky et al. 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Annotated, Literal

from pydantic import Field

from data_prep.synthetic.base import BLANK, MARKER, Distribution, Example, Synthetic, numerals, uniform
from nmt.options import LONGEST, Size


class CopyMemory(Synthetic):
    """Symbols, then blanks for a long time, then a marker; the answer repeats the symbols.

    `3 1 8 _ _ _ _ ?` has the answer `3 1 8`.

    Without reading the input, an answer of 10 symbols out of 8 costs 10 ln 8 = 20.8 nats: with the end of the answer,
    11 tokens, a perplexity of 8^(10/11) = 6.62, a token accuracy of 20.5 %, an exact match of 8^-10. The optimum is
    exact match 100 %, perplexity 1. The papers count every step of input and answer, T + 20 in all, and their baseline
    is 10 ln 8 / (T + 20) a step; to compare, multiply the loss per answer token by 11 / (T + 20).
    """

    kind: Literal["copy_memory"] = "copy_memory"
    symbols: Annotated[int, Field(ge=1, le=1000)] = 10
    """How many symbols to remember; the papers use 10."""
    alphabet: Annotated[int, Field(ge=2, le=10_000)] = 8
    """Number of different symbols; the papers use 8."""
    delay: Annotated[Size, Field(le=LONGEST)] = 100
    """Number of blanks between the last symbol and the marker, T in the papers. Inputs longer than
    `training.max_length` are not trained on."""

    def example(self, random: Random, split: str, number: int) -> Example:
        """Symbols drawn uniformly."""
        symbols = random.choices(numerals(self.alphabet, 1), k=self.symbols)
        return Example((*symbols, *[BLANK] * self.delay, MARKER), symbols)

    def blind(self) -> Sequence[Distribution]:
        """Each symbol is as probable as any other."""
        return [uniform(numerals(self.alphabet, 1))] * self.symbols
