"""The runs of a weighted pushdown automaton on one string: the most probable one, and the weight of all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from nmt.nn.pushdown.automaton import Automaton, Transitions

Kind = Literal["push", "replace", "pop"]


class Move(NamedTuple):
    """A step of a run."""

    kind: Kind
    state: int
    """The state after it."""
    symbol: int
    """The symbol on top after it."""


@dataclass(frozen=True)
class Run:
    """A run of an automaton on a string."""

    moves: tuple[Move, ...]
    log_weight: float
    """The sum of the logarithms of its transitions' weights."""
    log_total: float
    """The logarithm of the weight of all runs."""

    @property
    def share(self) -> float:
        """The run's share of the weight of all runs."""
        return math.exp(self.log_weight - self.log_total)


@torch.no_grad()
def most_probable_run(automaton: Automaton, weights: Transitions) -> Run | None:
    """The run with the largest weight; None if no run has any.

    Args:
        automaton: the automaton.
        weights: logarithms of the weights, [T, ...] each.
    """
    lattice = Lattice(automaton, weights, best=True)
    end = lattice.forward[-1]
    if not end.isfinite().any():
        return None
    total = Lattice(automaton, weights, best=False).forward[-1].logsumexp(dim=0)
    return Run(tuple(_trace(lattice)), float(end.max()), float(total))


class Lattice:
    """The published recurrence (see `nmt.nn.pushdown.stack`) with logarithms, for all runs or the best one alone.

    Args:
        automaton: the automaton.
        weights: logarithms of the weights, [T, ...] each.
        best: take the best of all runs, otherwise their sum.
    """

    def __init__(self, automaton: Automaton, weights: Transitions, *, best: bool) -> None:
        self.automaton, self.weights, self._best = automaton, weights, best
        steps, size = len(weights.push), automaton.configurations
        self.base = 1 if automaton.bottom == "free" else 0
        nothing = weights.push.new_full((), -math.inf)
        times = steps + 1 + self.base
        self.inner = nothing.repeat(times, times, size, size)
        """[times, times, C, C]: inner[i, j][c, d], the logarithm of γ[i→j][c→d]. With a free bottom, time 0 comes after
        a virtual push of it, so all times are one more."""
        self.forward = nothing.repeat(times, size)
        """[times, C]: the logarithms of α."""
        self.forward[: self.base + 1, 0] = 0.0
        if self.base:
            self.inner[0, 1, 0, 0] = 0.0
        for time in range(self.base + 1, times):
            self._fill(time)

    def first(self, time: int) -> int:
        """The first time before a push whose symbol may be on top at `time`."""
        window = self.automaton.window
        return 0 if window is None else max(0, time - window)

    def step(self, time: int) -> Transitions:
        """The weights of the step that ends at a time."""
        return Transitions(*(part[time - 1 - self.base] for part in self.weights))

    def _fill(self, time: int) -> None:
        inner, weights, first = self.inner, self.step(time), self.first(time)
        inner[time - 1, time] = weights.push
        if first < time - 1:
            earlier = slice(first, time - 1)
            kept = self._sum(inner[earlier, time - 1, :, :, None] + weights.replace, 2)  # [n, C, C]
            # [i, k, c, u, 1, y] + [k, u, r, y]: from i with c to k with u, y, then to r by a pop
            states = self.automaton.states
            below = torch.unflatten(inner[earlier, earlier], 3, (states, 1, -1))
            popped = self._sum(inner[earlier, time - 1, :, :, None] + weights.pop, 2)  # [k, C, Q]
            popped = torch.unflatten(popped, 1, (states, -1)).transpose(2, 3)[:, None]
            exposed = self._sum(self._sum(below + popped, 3), 1)  # [i, c, r, y]
            inner[earlier, time] = self._sum(torch.stack([kept, exposed.flatten(2)]), 0)
        ends = self.forward[first:time, :, None] + inner[first:time, time]
        self.forward[time] = self._sum(ends.flatten(0, 1), 0)

    def _sum(self, x: Tensor, dim: int) -> Tensor:
        return x.amax(dim) if self._best else x.logsumexp(dim)


Segment = tuple[int, int | None, int, int]
"""A part of a run: from a time, in a configuration, to a time, in a configuration. With None, from the start."""


def _trace(lattice: Lattice) -> list[Move]:
    """The moves of the best run."""
    last = lattice.forward[-1]
    wanted: list[Segment | Move] = [(0, None, len(lattice.forward) - 1, int(last.argmax()))]  # the latest on top
    moves: list[Move] = []
    while wanted:
        match wanted.pop():
            case Move() as move:
                moves.append(move)
            case (_, None, time, after):
                wanted += _last_segments(lattice, time, after)
            case (start, before, time, after):
                assert before is not None
                wanted += _last_moves(lattice, start, before, time, after)
    return moves[::-1]


def _last_segments(lattice: Lattice, time: int, after: int) -> list[Segment | Move]:
    """The best run to a configuration, in two parts: up to the push of the symbol that is on top, and from there."""
    if time <= lattice.base:
        return []
    first = lattice.first(time)
    scores = lattice.forward[first:time] + lattice.inner[first:time, time, :, after]
    start, before = divmod(int(scores.argmax()), scores.shape[1])
    return [(0, None, first + start, before), (first + start, before, time, after)]


def _last_moves(lattice: Lattice, start: int, before: int, time: int, after: int) -> list[Segment | Move]:
    """The parts of the best segment between two configurations, the last of them its last move."""
    if time <= lattice.base:  # the virtual push of the bottom
        return []
    state, symbol = divmod(after, lattice.automaton.symbols)
    if start == time - 1:
        return [Move("push", state, symbol)]
    inner, weights = lattice.inner, lattice.step(time)
    kept = inner[start, time - 1, before] + weights.replace[:, after]  # [C]
    pops = inner[start + 1 : time - 1, time - 1] + weights.pop[:, state]  # [k, C, C]
    with_symbol = slice(symbol, None, lattice.automaton.symbols)
    exposed = inner[start, start + 1 : time - 1, before, with_symbol] + pops[:, with_symbol].amax(dim=2)  # [k, Q]
    if start == time - 2 or kept.max() >= exposed.max():
        middle = int(kept.argmax())
        return [(start, before, time - 1, middle), Move("replace", state, symbol)]
    index, below_state = divmod(int(exposed.argmax()), exposed.shape[1])
    below, pushed = below_state * lattice.automaton.symbols + symbol, start + 1 + index
    top = int(pops[index, below].argmax())
    return [(start, before, pushed, below), (pushed, below, time - 1, top), Move("pop", state, symbol)]
