"""Strings drawn uniformly from those that a finite automaton answers in a certain way."""

from __future__ import annotations

from functools import cache
from random import Random

from nmt.automata.automaton import Automaton


def count_strings(automaton: Automaton, length: int, answer: str) -> int:
    """Number of strings of a length that the automaton answers so."""
    return _completions(automaton, answer, length)[length][automaton.start]


def draw_string(random: Random, automaton: Automaton, length: int, answer: str) -> list[str]:
    """One of these strings, each equally probable; there must be one."""
    completions, state, string = _completions(automaton, answer, length), automaton.start, list[str]()
    for left in reversed(range(length)):
        strings = completions[left + 1][state]
        chosen = random.randrange(strings) if strings > 1 else 0  # the only one: nothing to draw
        for symbol, after in zip(automaton.symbols, automaton.successors[state], strict=True):
            if chosen < completions[left][after]:
                string.append(symbol)
                state = after
                break
            chosen -= completions[left][after]
    return string


@cache
def _completions(automaton: Automaton, answer: str, longest: int) -> tuple[tuple[int, ...], ...]:
    """For each length up to `longest` and each state, the number of strings that lead from it to the answer."""
    table = [tuple(int(output == answer) for output in automaton.outputs)]
    for _ in range(longest):
        table.append(tuple(sum(table[-1][after] for after in row) for row in automaton.successors))
    return tuple(table)
