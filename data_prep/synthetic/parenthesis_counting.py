"""Counting open brackets among noise: the parenthesis task (Foerster et al. 2017; Jing et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Annotated, Literal

from pydantic import Field

from data_prep.synthetic.base import Distribution, Example, Synthetic
from nmt.options import LONGEST, Size

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class ParenthesisCounting(Synthetic):
    """Brackets of several kinds among noise; the answer says how many of each kind are open at the end.

    `(1 c (2 (1 )2 a )1` has the answer `1 0` for two kinds. Kinds need not be nested in each other. Each position has a
    bracket or a letter of noise, all equally probable; a bracket that would close what is not open, or open more than
    `most_open`, is turned round. An answer at the end alone, not a count at each step as published, makes the loss
    comparable with those of the other tasks.

    Without reading the input, each count has the same distribution: with the default options, its most probable value
    is 1, right in 21.2 % of the cases (all ten: almost never), the perplexity is 6.53 with the end of the answer, the
    token accuracy 28.4 %. The optimum is exact match 100 %, perplexity 1.
    """

    kind: Literal["parenthesis_counting"] = "parenthesis_counting"
    length: Annotated[Size, Field(le=LONGEST)] = 200
    """Number of symbols of an input; the published one is 200. Inputs longer than `training.max_length` are not trained
    on."""
    kinds: Annotated[int, Field(ge=1, le=100)] = 10
    """Number of kinds of brackets, and of counts in an answer."""
    most_open: Annotated[int, Field(ge=1, le=100)] = 9
    """Most brackets of one kind that are open at once: with 9, a count is one digit."""
    noise: Annotated[int, Field(ge=0, le=len(_LETTERS))] = 10
    """Number of different letters of noise."""

    def example(self, random: Random, split: str, number: int) -> Example:
        """Symbols drawn uniformly."""
        line, open_brackets = [], [0] * self.kinds
        for _ in range(self.length):
            drawn = random.randrange(2 * self.kinds + self.noise)
            kind, closes = divmod(drawn, 2)
            if kind >= self.kinds:
                line.append(_LETTERS[drawn - 2 * self.kinds])
                continue
            depth = open_brackets[kind]
            opens = depth == 0 or (not closes and depth < self.most_open)
            open_brackets[kind] += 1 if opens else -1
            line.append(f"({kind + 1}" if opens else f"){kind + 1}")
        return Example(line, list(map(str, open_brackets)))

    def blind(self) -> Sequence[Distribution]:
        """The distribution of a count: a random walk between 0 and `most_open`."""
        moves = 2 / (2 * self.kinds + self.noise)  # probability that a position has a bracket of this kind
        counts = [1.0, *[0.0] * self.most_open]
        for _ in range(self.length):
            after = [(1 - moves) * probability for probability in counts]
            for depth, probability in enumerate(counts):
                up = 1.0 if depth == 0 else 0.0 if depth == self.most_open else 0.5
                if up:
                    after[depth + 1] += moves * up * probability
                if up < 1:
                    after[depth - 1] += moves * (1 - up) * probability
            counts = after
        return [{str(depth): probability for depth, probability in enumerate(counts)}] * self.kinds
