"""Exact probabilities of strings under a probabilistic context-free grammar, and of the symbols at their positions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from heapq import heappop, heappush

import numpy as np
import numpy.typing as npt

from data_prep.synthetic.grammar import Grammar, Symbols

Array = npt.NDArray[np.float64]

_END = ""
"""The end of a string, as what follows its last symbol."""

Ends = list[tuple[int, float]]
"""The ends of a sequence's derivations from one start, and their probabilities."""


class Inside:
    """The inside algorithm on one grammar, from the last start to the first.

    It visits the parts of a string that have a derivation and are followed by a symbol that may follow them, which are
    few. Each symbol counts as many times its probability as there are terminals, so that long strings do not underflow.
    """

    def __init__(self, grammar: Grammar) -> None:
        self._numbers = numbers = {whole: number for number, whole in enumerate(grammar.order)}
        self._start, self._scale = numbers[grammar.start], float(len(grammar.terminals))
        empty = {numbers[whole]: masses[0] for whole, masses in grammar.masses.items() if masses[0]}
        self._empty = empty
        # by part, what begins with it: probability, whole, rest; and what it is the end of, as the start may be empty
        self._begun: list[list[tuple[float, int, int]]] = [[] for _ in numbers]
        self._alone: list[list[tuple[float, int]]] = [[] for _ in numbers]
        for whole, steps in grammar.steps.items():
            for probability, first, second in steps:
                self._begun[numbers[first]].append((probability, numbers[whole], numbers[second]))
                if numbers[first] in empty:
                    self._alone[numbers[second]].append((probability * empty[numbers[first]], numbers[whole]))
        followers = _followers(grammar)
        self._before = {
            symbol: {number for whole, number in numbers.items() if symbol in followers[whole]}
            for symbol in (*grammar.terminals, _END)
        }

    def log_probability(self, string: Sequence[str]) -> float:
        """Natural log of the probability that the grammar derives a string; -inf for one outside its language."""
        after: list[dict[int, Ends]] = [self._nothing(len(string))]  # the last start first
        possible: list[Set[int]] = [self._before[_END]]  # the parts that may end there, likewise
        for start in reversed(range(len(string))):
            symbol = self._numbers.get((string[start],))
            if symbol is None:
                return -math.inf
            after.append(self._from(start, symbol, after, possible))
            possible.append(self._before[string[start]])
        mass = dict(after[-1].get(self._start, ())).get(len(string), 0.0)
        return math.log(mass) - len(string) * math.log(self._scale) if mass else -math.inf

    def _nothing(self, start: int) -> dict[int, Ends]:
        return {whole: [(start, mass)] for whole, mass in self._empty.items()}

    def _from(
        self, start: int, symbol: int, after: Sequence[Mapping[int, Ends]], possible: Sequence[Set[int]]
    ) -> dict[int, Ends]:
        """The derivations from a start on, given those from all later starts.

        A part is complete when all shorter ones are, and those of its length that are before it in the grammar's order.
        """
        found, base = self._nothing(start), len(self._numbers)
        last = start + len(after)
        key = (start + 1) * base + symbol  # the end, and what ends there
        sums, queue = {key: self._scale}, [key]
        while queue:
            key = heappop(queue)
            value, (end, part) = sums[key], divmod(key, base)
            found.setdefault(part, []).append((end, value))
            following = after[last - end]
            for probability, whole, rest in self._begun[part]:
                for stop, mass in following.get(rest, ()):
                    if whole not in possible[last - stop]:
                        continue
                    larger = stop * base + whole
                    if larger not in sums:
                        sums[larger] = 0.0
                        heappush(queue, larger)
                    sums[larger] += probability * value * mass
            for probability, whole in self._alone[part]:
                if whole not in possible[last - end]:
                    continue
                larger = end * base + whole
                if larger not in sums:
                    sums[larger] = 0.0
                    heappush(queue, larger)
                sums[larger] += probability * value
        return found


def _followers(grammar: Grammar) -> Mapping[Symbols, Set[str]]:
    """The terminals, or the end, that may follow each sequence in a string of the language."""
    begins: dict[Symbols, set[str]] = {whole: set(whole[: not steps]) for whole, steps in grammar.steps.items()}
    follows: dict[Symbols, set[str]] = {whole: set() for whole in grammar.steps}
    follows[grammar.start].add(_END)
    size = 0
    while size < (size := sum(map(len, (*begins.values(), *follows.values())))):
        for whole, steps in grammar.steps.items():
            for _, first, second in steps:
                begins[whole] |= begins[first] | (begins[second] if grammar.masses[first][0] else set())
                follows[first] |= begins[second] | (follows[whole] if grammar.masses[second][0] else set())
                follows[second] |= follows[whole]
    return follows


def symbols_by_position(grammar: Grammar, lengths: Sequence[int]) -> Array:
    """The probability of each terminal at each position of a string of a given length.

    Args:
        grammar: a grammar that derives strings of these lengths.
        lengths: different lengths.

    Returns:
        shape (lengths, longest of them, terminals); zeros after the end of a string.
    """
    longest = max(lengths)
    # [length of the part, length of the string, start]: how probable it is that the derivation has this part there
    expected: Mapping[Symbols, Array] = {
        whole: np.zeros((longest + 1, len(lengths), longest + 1)) for whole in grammar.order
    }
    for number, length in enumerate(lengths):
        expected[grammar.start][length, number, 0] = 1.0
    for part in reversed(range(1, longest + 1)):
        for whole in reversed(grammar.order):
            starts = longest - part + 1
            of_whole = expected[whole][part, :, :starts]
            if not grammar.steps[whole] or not of_whole.any():
                continue
            splits, cumulative = grammar.splits(whole, part)
            shares = np.diff(cumulative, prepend=0.0) / cumulative[-1]
            for (first, at, second, rest), share in zip(splits, shares.tolist(), strict=True):
                likely = share * of_whole
                expected[first][at, :, :starts] += likely
                expected[second][rest, :, at : at + starts] += likely
    return np.stack([expected[symbol,][1, :, :longest] for symbol in grammar.terminals], axis=-1)
