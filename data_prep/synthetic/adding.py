"""The adding problem (Hochreiter and Schmidhuber 1997), with digits instead of real numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import product
from random import Random
from typing import Annotated, Literal

from pydantic import Field

from data_prep.synthetic.base import Distribution, Example, Synthetic
from nmt.options import LONGEST


class Adding(Synthetic):
    """Digits, two of which are marked, one in each half; the answer is their sum, as one token.

    `4 7* 1 0 9 5* 2` has the answer `12`. A marked digit is a token of its own.

    Without reading the input, the best answer is always 9, which is right in 10 % of the cases; the sums from 0 to 18
    have 2.79 nats, with the end of the answer a perplexity of exp(2.79 / 2) = 4.04, and a token accuracy of 55 %. The
    optimum is exact match 100 %, perplexity 1. (With real numbers, as published, the trivial answer is always 1, with a
    squared error of 1/6.)
    """

    kind: Literal["adding"] = "adding"
    length: Annotated[int, Field(ge=2, le=LONGEST)] = 100
    """Number of digits, T in the papers. Inputs longer than `training.max_length` are not trained on."""
    largest: Annotated[int, Field(ge=1, le=400)] = 9
    """Largest digit; there are twice as many sums."""

    def example(self, random: Random, split: str, number: int) -> Example:
        """Digits and positions drawn uniformly."""
        digits = [random.randrange(self.largest + 1) for _ in range(self.length)]
        half = self.length // 2
        marked = random.randrange(half), random.randrange(half, self.length)
        line = [f"{digit}*" if position in marked else str(digit) for position, digit in enumerate(digits)]
        return Example(line, [str(sum(digits[position] for position in marked))])

    def blind(self) -> Sequence[Distribution]:
        """The distribution of the sum of two digits; the middle one is the most probable."""
        pairs = Counter(one + other for one, other in product(range(self.largest + 1), repeat=2))
        return [{str(total): count / pairs.total() for total, count in pairs.items()}]
