"""The random memorisation task (Illium et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from data_prep.synthetic.base import Distribution, Example, Synthetic, numerals, uniform
from nmt.options import LONGEST, Size


class Memorization(Synthetic):
    """Random tokens, as many as cannot be known in advance; the answer is the one at a given distance from the end.

    `5 0 3 9 1` has the answer `9` for distance 2. As nothing about the tokens is predictable and the end comes by
    surprise, the model has to keep the last `distance` tokens at every moment.

    Without reading the input, one of V answers is right, 10 % by default; the perplexity is V^(1/2) = 3.16 with the end
    of the answer, the token accuracy 55 %. The optimum is exact match 100 %, perplexity 1. The bits that a model
    remembers of the token are (1 - its answer's loss / ln V) log2 V.
    """

    kind: Literal["memorization"] = "memorization"
    distance: Annotated[Size, Field(le=LONGEST)] = 4
    """Which token to reproduce, counted from the end: 1 is the last one (a delay of 0 in Jaeger's memory capacity)."""
    vocabulary: Annotated[int, Field(ge=2, le=10_000)] = 10
    """Number of different tokens."""
    longest_distance: Annotated[Size, Field(le=LONGEST // 2)] = 10
    """Inputs have a random length from this to twice as many tokens: comparable for all distances up to it."""

    @model_validator(mode="after")
    def _distance_fits(self) -> Self:
        if self.distance > self.longest_distance:
            raise ValueError(
                f"the shortest input has longest_distance={self.longest_distance} tokens, none at distance="
                f"{self.distance}: raise longest_distance"
            )
        return self

    def example(self, random: Random, split: str, number: int) -> Example:
        """Length and tokens drawn uniformly."""
        length = random.randint(self.longest_distance, 2 * self.longest_distance)
        tokens = random.choices(numerals(self.vocabulary), k=length)
        return Example(tokens, [tokens[-self.distance]])

    def blind(self) -> Sequence[Distribution]:
        """Each token is as probable as any other."""
        return [uniform(numerals(self.vocabulary))]
