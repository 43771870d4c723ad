"""Exclusive or of two bits that stand far apart."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from data_prep.synthetic.base import Distribution, Example, Synthetic, uniform
from nmt.options import LONGEST, Size


class XorAtDistance(Synthetic):
    """Bits, two of which are marked, a given distance apart; the answer is their exclusive or.

    `0 1* 1 0 0* 1` has the answer `1`, with a distance of 3. A marked bit is a token of its own. Neither of the two
    bits alone says anything about the answer.

    Without reading the input, half of the answers are right; the perplexity is 2^(1/2) = 1.41 with the end of the
    answer, the token accuracy 75 %. The optimum is exact match 100 %, perplexity 1.
    """

    kind: Literal["xor_at_distance"] = "xor_at_distance"
    length: Annotated[Size, Field(le=LONGEST)] = 100
    """Number of bits. Inputs longer than `training.max_length` are not trained on."""
    distance: Annotated[Size, Field(le=LONGEST)] = 50
    """Difference of the positions of the two marked bits."""

    @model_validator(mode="after")
    def _distance_fits(self) -> Self:
        if self.distance >= self.length:
            raise ValueError(
                f"two bits at distance={self.distance} do not fit into length={self.length} bits: the distance must be "
                "smaller than the length"
            )
        return self

    def example(self, random: Random, split: str, number: int) -> Example:
        """Bits and position drawn uniformly."""
        bits = [random.randrange(2) for _ in range(self.length)]
        first = random.randrange(self.length - self.distance)
        second = first + self.distance
        line = [f"{bit}*" if position in (first, second) else str(bit) for position, bit in enumerate(bits)]
        return Example(line, [str(bits[first] ^ bits[second])])

    def blind(self) -> Sequence[Distribution]:
        """Either bit."""
        return [uniform(("0", "1"))]
