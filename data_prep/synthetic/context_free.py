"""Strings of context-free languages for language models (DuSell and Chiang 2020)."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Sequence
from functools import cache
from random import Random
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from data_prep.synthetic.base import SyntheticText
from data_prep.synthetic.context_free_languages import Language, LanguageConfig, MarkedReversal
from data_prep.synthetic.grammar import Grammar
from data_prep.synthetic.string_probability import Inside, symbols_by_position
from nmt.data.corpus import LanguageCode, Text
from nmt.data.yardstick import Guess, Yardstick, whole_line_guess
from nmt.text import read_lines

_Length = Annotated[int, Field(ge=1, le=300)]


class ContextFree(SyntheticText):
    """Strings of a context-free language, one a line, for a language model. Recipes need `task: language_model`.

    The length of a string is drawn first, uniformly among those that the language has, then a string of this length
    from the language's probabilistic grammar. Sets are independent samples, so a short or simple string may occur in
    several. The first test set has the lengths of training, the second has longer strings; both have equally many
    strings of each length. The published test set has all of these.

    The lower bound is the cross-entropy of the true distribution, measured on the same strings, the end of a string
    included: no model can be better on average. The trivial strategy knows the lengths, and which symbols are how
    probable at which position of a string of a given length, but remembers no symbol. Their perplexities on lengths 40
    to 80 (and their logarithms, in nats per token; reports have the figures of the actual test set):

        language             lower bound      trivial
        marked_reversal      1.469 (0.384)    2.053 (0.719)
        unmarked_reversal    1.478 (0.391)    2.079 (0.732)
        padded_reversal      1.376 (0.319)    2.102 (0.743)
        dyck                 1.991 (0.689)    3.516 (1.257)
        hardest              4.217 (1.439)    6.079 (1.805)
    """

    kind: Literal["context_free"] = "context_free"
    source: None = None
    """A string has no source."""
    target: LanguageCode = "string"
    """Name of the strings, as the language of a language model's text."""
    language: LanguageConfig = MarkedReversal()
    """The language, with the means of its grammar; by default the published ones."""
    lengths: tuple[_Length, _Length] = (40, 80)
    """Fewest and most symbols of the strings of training, of validation and of the first test set."""
    test_lengths: tuple[_Length, _Length] = (81, 100)
    """Fewest and most symbols of the strings of the second test set."""
    pairs: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    """Number of training strings."""
    validation_pairs: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """Number of validation strings."""
    test_pairs: Annotated[int, Field(ge=1, le=10_000)] = 20
    """Number of strings of each length in the test sets. The published number is 100, for which the lower bound of some
    languages takes half a minute."""

    @model_validator(mode="after")
    def _ranges_have_strings(self) -> Self:
        if self.lengths == self.test_lengths:
            raise ValueError(f"lengths and test_lengths must differ, both are {list(self.lengths)}")
        for name, (shortest, longest) in (("lengths", self.lengths), ("test_lengths", self.test_lengths)):
            if shortest > longest:
                raise ValueError(f"{name} must be the shortest, then the longest, not {[shortest, longest]}")
            if not self.grammar.lengths(shortest, longest):
                raise ValueError(
                    f"{self.language.kind} has no string of {name}={[shortest, longest]}: allow more lengths"
                )
        return self

    @property
    def grammar(self) -> Grammar:
        """The grammar of the language, up to the longest strings of all sets."""
        return _grammar(self.language, max(self.lengths[1], self.test_lengths[1]))

    @property
    def test_sets(self) -> tuple[str, ...]:
        """One of the lengths of training, one of longer strings."""
        return tuple(f"test_{shortest}_{longest}" for shortest, longest in (self.lengths, self.test_lengths))

    def test_size(self, split: str) -> int:
        """`test_pairs` for each length."""
        return self.test_pairs * len(self._lengths(split))

    def row(self, random: Random, split: str, number: int) -> tuple[str, ...]:
        """A string of which the length is drawn first; test sets take the lengths in turn."""
        lengths = self._lengths(split)
        length = lengths[number % len(lengths)] if split in self.test_sets else random.choice(lengths)
        return (" ".join(self.grammar.draw(random, length)),)

    def yardsticks(self, test: Text) -> Sequence[Yardstick]:
        """A strategy that knows lengths and positions but remembers nothing, and the true distribution."""
        lines = list(read_lines(test.target))
        strings = [line.split() for line in lines]
        lengths = sorted(set(map(len, strings)))
        return (
            Yardstick("trivial: lengths and positions known", tuple(self._by_position(lines, strings, lengths))),
            Yardstick("lower bound", tuple(self._bounds(lines, strings, lengths))),
        )

    def _lengths(self, split: str) -> tuple[int, ...]:
        return self.grammar.lengths(*(self.test_lengths if split == self.test_sets[1] else self.lengths))

    def _drawn(self, split: str, size: int, held: Container[str]) -> Iterator[tuple[str, ...]]:
        return super()._drawn(split, size, ())  # strings may repeat: without them the distribution would be another

    def _bounds(
        self, lines: Sequence[str], strings: Sequence[Sequence[str]], lengths: Sequence[int]
    ) -> Iterator[Guess]:
        inside = Inside(self.grammar)
        masses = {length: math.log(self.grammar.mass(length) * len(lengths)) for length in lengths}
        for line, string in zip(lines, strings, strict=True):
            yield whole_line_guess(line, inside.log_probability(string) - masses[len(string)])

    def _by_position(
        self, lines: Sequence[str], strings: Sequence[Sequence[str]], lengths: Sequence[int]
    ) -> Iterator[Guess]:
        """The guesses of a mixture of lengths, each with the symbols of its positions; the end is one more symbol."""
        numbers = {symbol: number for number, symbol in enumerate(self.grammar.terminals)}
        by_position = np.zeros((len(lengths), lengths[-1] + 1, len(numbers) + 1))
        by_position[:, :-1, :-1] = symbols_by_position(self.grammar, lengths)
        by_position[np.arange(len(lengths)), lengths, -1] = 1.0
        for line, string in zip(lines, strings, strict=True):
            believed = np.full(len(lengths), 1 / len(lengths))  # [lengths]
            chances, correct = list[float](), 0
            for position, symbol in enumerate([*(numbers[one] for one in string), len(numbers)]):
                of_symbols = believed @ by_position[:, position]
                chances.append(float(of_symbols[symbol]))
                correct += int(of_symbols.argmax() == symbol)
                believed *= by_position[:, position, symbol] / of_symbols[symbol]
            yield Guess(line, tuple(map(math.log, chances)), correct)


@cache
def _grammar(language: Language, longest: int) -> Grammar:
    return Grammar("S", language.rules(), longest)
