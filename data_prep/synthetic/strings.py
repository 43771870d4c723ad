"""Deterministic finite automata as data, and strings drawn uniformly from their languages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from random import Random


@dataclass(frozen=True)
class Automaton:
    """A complete deterministic finite automaton; it starts in state 0."""

    symbols: tuple[str, ...]
    """The alphabet."""
    transitions: tuple[tuple[int, ...], ...]
    """For each state, the next state by symbol, in the order of the alphabet."""
    accepting: frozenset[int]
    """The states in which a string is accepted at its end."""

    def accepts(self, string: Iterable[str]) -> bool:
        """Whether a string is in the language.

        Raises:
            ValueError: it has a symbol that is not in the alphabet.
        """
        state = 0
        for symbol in string:
            state = self.transitions[state][self.symbols.index(symbol)]
        return state in self.accepting

    def strings(self, length: int, accepted: bool) -> int:
        """Number of strings of a length that are accepted, or that are not."""
        return _completions(self, accepted, length)[length][0]

    def draw(self, random: Random, length: int, accepted: bool) -> list[str]:
        """One of these strings, each equally probable; there must be one."""
        completions, state, string = _completions(self, accepted, length), 0, list[str]()
        for left in reversed(range(length)):
            strings = completions[left + 1][state]
            chosen = random.randrange(strings) if strings > 1 else 0  # the only one: nothing to draw
            for symbol, after in zip(self.symbols, self.transitions[state], strict=True):
                if chosen < completions[left][after]:
                    string.append(symbol)
                    state = after
                    break
                chosen -= completions[left][after]
        return string


@cache
def _completions(automaton: Automaton, accepted: bool, longest: int) -> tuple[tuple[int, ...], ...]:
    """For each length up to `longest` and each state, the number of strings that lead to acceptance, or do not."""
    states = range(len(automaton.transitions))
    table = [tuple(int((state in automaton.accepting) == accepted) for state in states)]
    for _ in range(longest):
        table.append(tuple(sum(table[-1][after] for after in automaton.transitions[state]) for state in states))
    return tuple(table)
