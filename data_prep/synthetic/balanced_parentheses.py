"""Balanced parentheses among letters, by depth (Wang and Niepert 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from data_prep.synthetic.base import EITHER, Distribution, Example, Synthetic, accepted, verdict

LETTERS = "abcdefghijklmnopqrstuvwxyz"


class BalancedParentheses(Synthetic):
    """Letters and parentheses; the answer says whether the parentheses are balanced.

    `a ( b ( ) c )` has the answer `accept`, `a ) b (` has `reject`. Half of the strings are accepted. The depth of an
    accepted string is the most parentheses that are open at once. A rejected one is made from an accepted one of that
    depth: half of them by turning one parenthesis round, half by exchanging an opening one for a later closing one,
    which leaves as many of both. As published, training has depths 1 to 5 and validation, by which the weights are
    selected, 6 to 10. There is a test set for each of these and one for still deeper strings.

    Without reading the input, half of the answers are right; the perplexity is 2^(1/2) = 1.41 with the end of the
    answer, the token accuracy 75 %. Who compares the numbers of opening and closing ones has 75 % exact match. The
    optimum is exact match 100 %, perplexity 1.
    """

    kind: Literal["balanced_parentheses"] = "balanced_parentheses"
    depth: Annotated[int, Field(ge=1, le=500)] = 5
    """Greatest depth in training, and in the first test set; they begin at 1."""
    validation_depth: Annotated[int, Field(ge=1, le=500)] = 10
    """Greatest depth in validation, and in the second test set; they begin one above that of training."""
    test_depth: Annotated[int, Field(ge=1, le=500)] = 20
    """Greatest depth in the third test set, which begins one above that of validation."""
    longest: Annotated[int, Field(ge=2, le=10_000)] = 100
    """Most symbols of a string."""

    @model_validator(mode="after")
    def _depths_fit(self) -> Self:
        depths = f"depth={self.depth}, validation_depth={self.validation_depth}, test_depth={self.test_depth}"
        if not self.depth < self.validation_depth < self.test_depth:
            raise ValueError(f"{depths}: each must be greater than the one before")
        if 2 * self.test_depth > self.longest:
            raise ValueError(
                f"{self.test_depth} pairs of parentheses, the test_depth, do not fit into longest={self.longest} "
                "symbols: raise longest"
            )
        return self

    @property
    def test_sets(self) -> tuple[str, ...]:
        """By depth."""
        ranges = (1, self.depth), (self.depth + 1, self.validation_depth), (self.validation_depth + 1, self.test_depth)
        return tuple(f"test_depth_{least}_{greatest}" for least, greatest in ranges)

    def example(self, random: Random, split: str, number: int) -> Example:
        """A string of a depth drawn uniformly, with up to twice as many pairs of parentheses as it is deep."""
        depth = random.randint(*self._depths(split))
        pairs = random.randint(depth, min(2 * depth, self.longest // 2))
        parentheses = balanced(random, depth, pairs)
        if not accepted(number):
            (turn_one_round if random.random() < 0.5 else exchange_two)(random, parentheses)
        length = random.randint(2 * pairs, self.longest)
        line = random.choices(LETTERS, k=length)
        for position, parenthesis in zip(sorted(random.sample(range(length), 2 * pairs)), parentheses, strict=True):
            line[position] = parenthesis
        return Example(line, verdict(accepted(number)))

    def _depths(self, split: str) -> tuple[int, int]:
        if split in ("training", self.test_sets[0]):
            return 1, self.depth
        if split in ("validation", self.test_sets[1]):
            return self.depth + 1, self.validation_depth
        return self.validation_depth + 1, self.test_depth

    def blind(self) -> Sequence[Distribution]:
        """Either answer."""
        return [EITHER]


def balanced(random: Random, depth: int, pairs: int) -> list[str]:
    """Balanced parentheses of exactly this depth: a nest of that many, into which further pairs are inserted."""
    parentheses = ["("] * depth + [")"] * depth
    for _ in range(pairs - depth):
        heights = _heights(parentheses)
        position = random.choice([at for at, height in enumerate([0, *heights]) if height < depth])
        parentheses[position:position] = "()"
    return parentheses


def turn_one_round(random: Random, parentheses: list[str]) -> None:
    """Makes an opening parenthesis a closing one, or the reverse."""
    position = random.randrange(len(parentheses))
    parentheses[position] = ")" if parentheses[position] == "(" else "("


def exchange_two(random: Random, parentheses: list[str]) -> None:
    """Exchanges an opening parenthesis and a later closing one so that one closes what is not open."""
    opening = [position for position, one in enumerate(parentheses) if one == "("]
    closing = [position for position, one in enumerate(parentheses) if one == ")"]
    heights = _heights(parentheses)
    while True:  # the first one and the last one always do
        first, last = random.choice(opening), random.choice(closing)
        if first < last and min(heights[first:last]) < 2:
            parentheses[first], parentheses[last] = ")", "("
            return


def _heights(parentheses: Sequence[str]) -> list[int]:
    """How many are open after each."""
    heights, height = list[int](), 0
    for one in parentheses:
        height += 1 if one == "(" else -1
        heights.append(height)
    return heights
