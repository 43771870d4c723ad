"""Palindromes, with a marker in the centre or without."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from data_prep.synthetic.base import EITHER, Distribution, Example, Synthetic, accepted, numerals, verdict

CENTRE = "#"


class Palindromes(Synthetic):
    """Symbols, and whether the second half mirrors the first.

    `1 2 2 # 2 2 1` has the answer `accept`, `1 2 2 # 2 1 1` has `reject`. With the marker the language is deterministic
    context-free; without it, the centre has to be guessed. Half of the strings are accepted. A rejected one is made
    from an accepted one: half of them have one wrong symbol, half have a second half of random symbols. The second test
    set has strings longer than those of training.

    Without reading the input, half of the answers are right; the perplexity is 2^(1/2) = 1.41 with the end of the
    answer, the token accuracy 75 %. The optimum is exact match 100 %, perplexity 1.
    """

    kind: Literal["palindromes"] = "palindromes"
    marker: bool = True
    """Whether a marker stands between the two halves."""
    alphabet: Annotated[int, Field(ge=2, le=10_000)] = 2
    """Number of different symbols."""
    longest: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Most symbols of a half in training, in validation and in the first test set; they begin at 1."""
    test_longest: Annotated[int, Field(ge=1, le=10_000)] = 20
    """Most symbols of a half in the second test set, which begins one above the first."""

    @model_validator(mode="after")
    def _test_is_longer(self) -> Self:
        if self.test_longest <= self.longest:
            raise ValueError(f"test_longest={self.test_longest} must be greater than longest={self.longest}")
        return self

    @property
    def test_sets(self) -> tuple[str, ...]:
        """By the length of a half."""
        return f"test_1_{self.longest}", f"test_{self.longest + 1}_{self.test_longest}"

    def example(self, random: Random, split: str, number: int) -> Example:
        """A string of which the length is drawn first, uniformly."""
        longer = split == self.test_sets[1]
        length = random.randint(self.longest + 1, self.test_longest) if longer else random.randint(1, self.longest)
        symbols, answer = numerals(self.alphabet, 1), accepted(number)
        half = random.choices(symbols, k=length)
        mirror = half[::-1]
        if not answer:
            if random.random() < 0.5:
                mirror = random.choices(symbols, k=length)
            if mirror == half[::-1]:
                position = random.randrange(length)
                mirror[position] = random.choice([symbol for symbol in symbols if symbol != mirror[position]])
        return Example((*half, *([CENTRE] if self.marker else []), *mirror), verdict(answer))

    def blind(self) -> Sequence[Distribution]:
        """Either answer."""
        return [EITHER]
