"""Deterministic finite automata with an output in each state (Moore machines)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Automaton:
    """A complete deterministic automaton: its answer to a string is the output of the state in which it ends.

    A recogniser of a language has two outputs, such as `accept` and `reject`. States are numbered from 0.

    Raises:
        ValueError: the parts do not fit each other.
    """

    symbols: tuple[str, ...]
    """The alphabet, without repetitions."""
    successors: tuple[tuple[int, ...], ...]
    """The next state by state and index of the symbol."""
    outputs: tuple[str, ...]
    """The output of each state."""
    start: int = 0
    """The initial state."""

    def __post_init__(self) -> None:
        states = range(len(self.outputs))
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError(f"an alphabet with repetitions: {' '.join(self.symbols)}")
        if len(self.successors) != len(states) or any(len(row) != len(self.symbols) for row in self.successors):
            raise ValueError(f"successors must be {len(states)} states x {len(self.symbols)} symbols")
        if self.start not in states or any(after not in states for row in self.successors for after in row):
            raise ValueError(f"states must be numbers from 0 to {len(states) - 1}")

    def __len__(self) -> int:
        """The number of states."""
        return len(self.outputs)

    def end(self, string: Iterable[str]) -> int:
        """The state after reading symbols.

        Raises:
            ValueError: one of them is not in the alphabet.
        """
        columns = {symbol: index for index, symbol in enumerate(self.symbols)}
        state = self.start
        for symbol in string:
            if symbol not in columns:
                raise ValueError(f"{symbol!r} is not in the alphabet {' '.join(self.symbols)}")
            state = self.successors[state][columns[symbol]]
        return state

    def answer(self, string: Iterable[str]) -> str:
        """The output after reading symbols.

        Raises:
            ValueError: one of them is not in the alphabet.
        """
        return self.outputs[self.end(string)]

    def reachable(self) -> Automaton:
        """The states that some string reaches, numbered breadth-first in the order of the symbols, 0 the start."""
        found = {self.start: 0}  # also a queue: a dictionary keeps the order of insertion
        for state in (queue := [self.start]):
            for after in self.successors[state]:
                if after not in found:
                    found[after] = len(found)
                    queue.append(after)
        rows = tuple(tuple(found[after] for after in self.successors[state]) for state in found)
        return Automaton(self.symbols, rows, tuple(self.outputs[state] for state in found))

    def minimal(self) -> Automaton:
        """The smallest automaton that answers all strings alike; equal for all such automata with these symbols.

        Refines the partition of the states by output until the states of a block have successors in the same blocks
        (Moore 1956).
        """
        whole = self.reachable()
        before, blocks = [0] * len(whole), _numbered(whole.outputs)  # the number of each state's block
        while max(blocks) > max(before):
            followers = ([blocks[after] for after in row] for row in whole.successors)
            before, blocks = blocks, _numbered([(own, *row) for own, row in zip(blocks, followers, strict=True)])
        members = [blocks.index(block) for block in range(max(blocks) + 1)]  # a state of each block
        rows = tuple(tuple(blocks[after] for after in whole.successors[state]) for state in members)
        return Automaton(self.symbols, rows, tuple(whole.outputs[state] for state in members), blocks[0]).reachable()

    def difference(self, other: Automaton) -> tuple[str, ...] | None:
        """The first of the shortest strings that the two automata answer differently; None if there is none.

        Raises:
            ValueError: they have different alphabets.
        """
        if set(self.symbols) != set(other.symbols):
            raise ValueError(f"alphabets differ: {' '.join(self.symbols)} and {' '.join(other.symbols)}")
        columns = [other.symbols.index(symbol) for symbol in self.symbols]
        before: dict[tuple[int, int], tuple[tuple[int, int], int] | None] = {(self.start, other.start): None}
        for pair in (queue := [(self.start, other.start)]):
            if self.outputs[pair[0]] != other.outputs[pair[1]]:
                return self._path(before, pair)
            for index, column in enumerate(columns):
                after = self.successors[pair[0]][index], other.successors[pair[1]][column]
                if after not in before:
                    before[after] = pair, index
                    queue.append(after)
        return None

    def _path(
        self, before: dict[tuple[int, int], tuple[tuple[int, int], int] | None], pair: tuple[int, int]
    ) -> tuple[str, ...]:
        """The string by which a breadth-first search found a pair of states.

        Args:
            before: by pair, the previous one and the index of the symbol between them; None at the start.
            pair: the last one.
        """
        string = []
        while step := before[pair]:
            pair, index = step
            string.append(self.symbols[index])
        return tuple(reversed(string))


def _numbered(names: Sequence[object]) -> list[int]:
    """The names as numbers from 0, in the order of first occurrence."""
    numbers: dict[object, int] = {}
    return [numbers.setdefault(name, len(numbers)) for name in names]
