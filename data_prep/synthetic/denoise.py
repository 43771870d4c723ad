"""The denoising task (Jing et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from data_prep.synthetic.base import BLANK, MARKER, Distribution, Example, Synthetic, numerals, uniform
from nmt.options import LONGEST, Size


class Denoise(Synthetic):
    """Symbols scattered among blanks, then a marker; the answer has the symbols, in order.

    `_ 3 _ _ 1 _ 8 ?` has the answer `3 1 8`. The symbols are at distinct positions, so there are always as many, and
    the marker is a symbol of its own. (In the program released with the NC-GRU, positions are drawn with replacement,
    and the marker is a vector of zeros.)

    Without reading the input, an answer of 10 symbols out of 8 costs 10 ln 8 = 20.8 nats: with the end of the answer,
    11 tokens, a perplexity of 8^(10/11) = 6.62, a token accuracy of 20.5 %, an exact match of 8^-10. The optimum is
    exact match 100 %, perplexity 1. The papers count every step of input and answer, T + 20 in all, and their baseline
    is 10 ln 9 / (T + 20) a step, a guess among nine symbols (here: 10 ln 8 / (T + 20)); to compare, multiply the loss
    per answer token by 11 / (T + 20).
    """

    kind: Literal["denoise"] = "denoise"
    symbols: Annotated[int, Field(ge=1, le=1000)] = 10
    """How many symbols to remember; the papers use 10."""
    alphabet: Annotated[int, Field(ge=2, le=10_000)] = 8
    """Number of different symbols."""
    length: Annotated[Size, Field(le=LONGEST)] = 100
    """Number of positions before the marker, T in the papers: `symbols` of them have a symbol, the others a blank.
    Inputs longer than `training.max_length` are not trained on."""

    @model_validator(mode="after")
    def _symbols_fit(self) -> Self:
        if self.symbols > self.length:
            raise ValueError(f"symbols={self.symbols} do not fit into length={self.length} positions: raise length")
        return self

    def example(self, random: Random, split: str, number: int) -> Example:
        """Symbols drawn uniformly, at positions drawn uniformly."""
        symbols = random.choices(numerals(self.alphabet, 1), k=self.symbols)
        line = [BLANK] * self.length
        for position, symbol in zip(sorted(random.sample(range(self.length), self.symbols)), symbols, strict=True):
            line[position] = symbol
        return Example((*line, MARKER), symbols)

    def blind(self) -> Sequence[Distribution]:
        """Each symbol is as probable as any other."""
        return [uniform(numerals(self.alphabet, 1))] * self.symbols
