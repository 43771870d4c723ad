"""Recall of one of several values, each stated with its key, after blocks of text that say nothing."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from string import ascii_lowercase
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from data_prep.synthetic.base import MARKER, Distribution, Example, Synthetic, numerals, uniform
from nmt.data.corpus import Text
from nmt.data.pairs import read_pairs
from nmt.data.yardstick import Yardstick, guesses_of_choices
from nmt.options import LONGEST, Count, Size

FILLERS = tuple(f"w{number}" for number in range(1, 21))
"""Words that say nothing, equally probable."""


class Recall(Synthetic):
    """Keys with their values, then blocks of other words, then one of the keys; the answer is its value.

    `c 4 a 1 w7 w2 | w9 w9 w1 w4 w13 w2 | ? a`, without the bars, has the answer `1`: two keys stated in a first block
    of six words, and one block that says nothing. With blocks as long as the segments that a model reads at once, only
    what it carries from segment to segment tells. It is a translation task; `decoder_only` reads input and answer as
    one text, as a language model does.

    Values are drawn independently and uniformly. Without reading the input, one of `values` answers is right, 10 % by
    default; the perplexity is 10^(1/2) = 3.16 with the end of the answer. Who does not read the question and takes the
    value stated last is right in 1/stated + (1 - 1/stated)/values, 32.5 %, by default. The optimum is exact match
    100 %, perplexity 1.
    """

    kind: Literal["recall"] = "recall"
    stated: Annotated[int, Field(ge=1, le=len(ascii_lowercase))] = 4
    """Keys of a line, all different, of the 26 letters."""
    values: Annotated[int, Field(ge=2, le=1000)] = 10
    """Different values."""
    blocks: Count = 4
    """Blocks of words that say nothing between the block of the keys and the question."""
    block_length: Size = 32
    """Words of a block. That of the keys starts with them and their values, and fillers complete it."""

    @model_validator(mode="after")
    def _blocks_fit(self) -> Self:
        if 2 * self.stated > self.block_length:
            raise ValueError(
                f"stated={self.stated} keys with their values do not fit into block_length={self.block_length} words"
            )
        if (length := (1 + self.blocks) * self.block_length + 2) > LONGEST:
            raise ValueError(f"a line would have {length:,} words; at most {LONGEST:,} are possible: make fewer blocks")
        return self

    def example(self, random: Random, split: str, number: int) -> Example:
        """Keys, values, fillers and the question, drawn in this order."""
        keys = random.sample(ascii_lowercase, self.stated)
        values = [random.choice(numerals(self.values)) for _ in keys]
        stated = [word for pair in zip(keys, values, strict=True) for word in pair]
        fillers = random.choices(FILLERS, k=(1 + self.blocks) * self.block_length - len(stated))
        asked = random.randrange(self.stated)
        return Example([*stated, *fillers, MARKER, keys[asked]], [values[asked]])

    def blind(self) -> Sequence[Distribution]:
        """Each value."""
        return [uniform(numerals(self.values))]

    def yardsticks(self, test: Text) -> Sequence[Yardstick]:
        """A strategy that does not read the input, one that does not read the question, and the optimum."""
        blind, optimum = super().yardsticks(test)
        pairs = list(read_pairs(test))
        last, answers = [line.split()[2 * self.stated - 1] for line, _ in pairs], [answer for _, answer in pairs]
        return blind, Yardstick("trivial: value stated last", guesses_of_choices(last, answers, self.values)), optimum
