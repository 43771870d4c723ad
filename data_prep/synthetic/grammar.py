"""Probabilistic context-free grammars: the probability of each length, and strings drawn given their length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import accumulate
from math import fsum
from random import Random
from typing import NamedTuple

Symbols = tuple[str, ...]
"""A sequence of symbols. The tables of a grammar have one entry per nonterminal, terminal and rest of a right side."""

NOTHING: Symbols = ()
"""The empty sequence, which ends every right side."""


class Step(NamedTuple):
    """A way to derive a sequence: its first part, then its second, either of which may be empty."""

    probability: float
    first: Symbols
    second: Symbols


class Split(NamedTuple):
    """A step of which the lengths of both parts are known."""

    first: Symbols
    first_length: int
    second: Symbols
    second_length: int


class Grammar:
    """A probabilistic context-free grammar, whose derivations are bounded in length.

    A right side of several symbols is derived from left to right, so every step has two parts. No nonterminal may
    derive itself alone, which would make infinitely many derivations of a string.

    Args:
        start: the nonterminal that derives the strings of the language.
        rules: for each nonterminal, the probability of each right side, whose symbols are separated by blanks; the
            probabilities are scaled to a sum of 1. Symbols that are no keys are terminals.
        longest: length up to which probabilities are known.

    Raises:
        ValueError: a nonterminal derives itself alone.
    """

    def __init__(self, start: str, rules: Mapping[str, Mapping[str, float]], longest: int) -> None:
        self.start: Symbols = (start,)
        self.longest = longest
        self.steps = _steps(rules)
        """The ways to derive each sequence; empty for a terminal and for `NOTHING`."""
        self.order = _order(self.steps)
        """The sequences, each after those from which it can differ by nothing but empty parts."""
        self.masses = self._masses()
        """By sequence, for each length from 0 to `longest`, the probability that a string of this length is derived."""
        self._splits: dict[tuple[Symbols, int], tuple[list[Split], list[float]]] = {}

    @cached_property
    def terminals(self) -> tuple[str, ...]:
        """The alphabet, sorted."""
        return tuple(sorted(one[0] for one, steps in self.steps.items() if not steps and one))

    def lengths(self, shortest: int, longest: int) -> tuple[int, ...]:
        """The lengths in a range, both ends included, that strings of the language have."""
        masses = self.masses[self.start]
        return tuple(length for length in range(shortest, longest + 1) if masses[length])

    def mass(self, length: int) -> float:
        """Probability that a string of the language has this length."""
        return self.masses[self.start][length]

    def draw(self, random: Random, length: int) -> list[str]:
        """A string drawn from the grammar's distribution over those of a length, which must exist."""
        string, waiting = list[str](), [(self.start, length)]
        while waiting:
            whole, of_length = waiting.pop()
            if not of_length:
                continue
            if not self.steps[whole]:
                string.append(whole[0])
                continue
            splits, cumulative = self.splits(whole, of_length)
            split = splits[0] if len(splits) == 1 else random.choices(splits, cum_weights=cumulative)[0]
            waiting.append((split.second, split.second_length))
            waiting.append((split.first, split.first_length))
        return string

    def splits(self, whole: Symbols, length: int) -> tuple[list[Split], list[float]]:
        """The ways to derive a sequence's strings of one length, and the cumulative sums of their probabilities."""
        known = self._splits.get((whole, length))
        if known is None:
            found = [
                (Split(first, at, second, length - at), probability * self.masses[first][at] * rest)
                for probability, first, second in self.steps[whole]
                for at in range(length + 1)
                if self.masses[first][at] and (rest := self.masses[second][length - at])
            ]
            known = [split for split, _ in found], list(accumulate(probability for _, probability in found))
            self._splits[whole, length] = known
        return known

    def _masses(self) -> dict[Symbols, list[float]]:
        masses = {whole: [0.0] * (self.longest + 1) for whole in self.order}
        for whole, steps in self.steps.items():
            if not steps:
                masses[whole][len(whole)] = 1.0
        for length in range(self.longest + 1):
            for whole in self.order:
                if steps := self.steps[whole]:
                    # fsum gives the same float in every version of Python, and so the same strings
                    masses[whole][length] = fsum(
                        probability * masses[first][at] * masses[second][length - at]
                        for probability, first, second in steps
                        for at in range(length + 1)
                        if masses[first][at]
                    )
        return masses


def _steps(rules: Mapping[str, Mapping[str, float]]) -> dict[Symbols, Sequence[Step]]:
    steps: dict[Symbols, Sequence[Step]] = {}
    rests = list[Symbols]()
    for left, of_left in rules.items():
        total = fsum(of_left.values())
        right_sides = [(tuple(right.split()), probability / total) for right, probability in of_left.items()]
        steps[left,] = [Step(probability, right[:1], right[1:]) for right, probability in right_sides]
        rests += (part for right, _ in right_sides for part in (right[:1], right[1:]))
    while rests:
        rest = rests.pop()
        if rest not in steps:
            steps[rest] = [Step(1.0, rest[:1], rest[1:])] if len(rest) > 1 else []
            rests += (rest[:1], rest[1:])
    return steps


def _order(steps: Mapping[Symbols, Sequence[Step]]) -> tuple[Symbols, ...]:
    empty, before = set[Symbols](), {NOTHING}
    while before != empty:
        empty = before
        before = empty | {
            whole for whole, of in steps.items() if any({first, second} <= empty for _, first, second in of)
        }
    same = {
        whole: {part for _, *parts in of for part, other in (parts, reversed(parts)) if other in empty}
        for whole, of in steps.items()
    }
    try:
        return tuple(TopologicalSorter(same).static_order())
    except CycleError as error:
        cycle = " -> ".join(" ".join(one) for one in error.args[1])
        raise ValueError(f"a grammar in which no nonterminal derives itself alone, not {cycle}") from None
