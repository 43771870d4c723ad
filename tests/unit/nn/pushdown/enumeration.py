"""All runs of a pushdown automaton on short strings, one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from nmt.nn.pushdown.automaton import Automaton, Transitions


class Course(NamedTuple):
    """A run."""

    state: int
    stack: tuple[int, ...]
    """The bottom first."""
    fixed: int
    """Cells from the bottom that may not be popped."""
    moves: tuple[tuple[str, int, int], ...]
    """Kind, state after it, symbol on top after it."""
    log_weight: float


def courses(automaton: Automaton, weights: Transitions) -> list[Course]:
    """All runs over the steps whose logarithmic weights, [T, ...], are given."""
    found = [Course(0, (0,), 1, (), 0.0)]
    for step in range(len(weights.push)):
        now = Transitions(*(part[step] for part in weights))
        found = [after for course in found for after in _moved(automaton, now, course)]
    return found


def _moved(automaton: Automaton, weights: Transitions, course: Course) -> Iterator[Course]:
    below, top = course.stack[:-1], course.stack[-1]
    before = course.state * automaton.symbols + top
    fixed = automaton.bottom == "fixed"

    def after(kind: str, state: int, stack: tuple[int, ...], weight: Tensor) -> Course:
        untouchable = 2 if fixed and len(course.stack) == 1 else course.fixed
        moves = (*course.moves, (kind, state, stack[-1]))
        return Course(state, stack, untouchable, moves, course.log_weight + float(weight))

    for configuration in range(automaton.configurations):
        state, symbol = divmod(configuration, automaton.symbols)
        yield after("push", state, (*course.stack, symbol), weights.push[before, configuration])
        if below or not fixed:
            yield after("replace", state, (*below, symbol), weights.replace[before, configuration])
    if len(course.stack) > course.fixed:
        for state in range(automaton.states):
            yield after("pop", state, below, weights.pop[before, state])


def tops(automaton: Automaton, weights: Transitions) -> Tensor:
    """The weights of the configurations after all steps, [C]."""
    found = torch.zeros(automaton.configurations, dtype=torch.float64)
    for course in courses(automaton, weights):
        found[course.state * automaton.symbols + course.stack[-1]] += math.exp(course.log_weight)
    return found
