"""A step of all runs of a weighted pushdown automaton at once, by Lang's dynamic programme.

The published recurrence (DuSell and Chiang 2022, arXiv 2109.01982; 2023) is on the inner weights γ[i→j][c→d] of the run
segments from time i, with configuration c, to time j, with configuration d, whose top symbol is in the cell that step
i + 1 pushed, and on the forward weights α[j][d] = Σ α[i][c] γ[i→j][c→d]. Its numbers differ by hundreds of orders of
magnitude, so it is computed with logarithms, at several times the cost of sums and products. Here are shares instead:

    share[i→j][c→d] = α[i][c] γ[i→j][c→d] / Σ α[j]     of the weight of all runs up to time j
    below[i→k][c→d] = share[i→k][c→d] / Σ_ic share[i→k][c→d]     of all runs that are in d at time k

With Δ for the weights of step j and Z for what makes the shares of time j sum to 1, the recurrence becomes

    Z share[i→j][c→d] = Σ_e share[i→j-1][c→e] replace[e→d] + Σ_k,u below[i→k][c→u,y] popped[k][u,y→r]     d = (r, y)
    popped[k][e→r] = Σ_f share[k→j-1][e→f] pop[f→r]
    Z share[j-1→j][c→d] = top[c] push[c→d]     top[d] = Σ_ic share[i→j-1][c→d]

All numbers are between 0 and 1. What is less than 1e-150 of all weight counts as nothing, which also keeps gradients
finite. A step without any transition, for padding, leaves everything as it is and adds an empty entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from nmt.nn.pushdown.automaton import Automaton, Transitions
from nmt.nn.rows import Rows

LEAST = 1e-150
"""The smallest share that counts."""


@dataclass
class Stack(Rows):
    """All runs so far, float64. With a window the sizes stay; otherwise each step adds an entry n.

    An entry is the time of a push, of which the last is the present step's; times before the first have no weight.
    """

    shares: Tensor
    """[rows, n, C, C], by the time before the push, the configuration then, and the present one."""
    below: Tensor
    """[rows, S, n - 1, C, n - 1, Q], by the symbol y, i, c, k and state u of below[i→k][c→u,y], for i < k."""
    top: Tensor
    """[rows, C], the shares of the present configurations, of sum 1; 0 if no run is possible."""

    @classmethod
    def empty(cls, automaton: Automaton, like: Tensor, rows: int) -> Self:
        """Stacks with the bottom alone, on the device of `like`."""
        size, entries = automaton.configurations, automaton.window or (1 if automaton.bottom == "free" else 0)
        earlier = max(entries - 1, 0)
        top = like.new_zeros(rows, size, dtype=torch.float64)
        top[:, 0] = 1.0
        shares = like.new_zeros(rows, entries, size, size, dtype=torch.float64)
        if automaton.bottom == "free":
            shares[:, -1, 0, 0] = 1.0
        shape = rows, automaton.symbols, earlier, size, earlier, automaton.states
        return cls(shares, like.new_zeros(shape, dtype=torch.float64), top)

    def where(self, chosen: Tensor, other: Self) -> Self:
        """As `Rows.where`; `other` may be these stacks before a step, which then counts as one without transitions."""
        added = self.shares.shape[1] - other.shares.shape[1]
        if added:
            grown = self.below.shape[2] - other.below.shape[2]
            below = pad(other.below, (0, 0, 0, grown, 0, 0, 0, grown))
            other = type(other)(pad(other.shares, (0, 0, 0, 0, 0, added)), below, other.top)
        return super().where(chosen, other)


def reading(automaton: Automaton, top: Tensor, *, with_states: bool) -> Tensor:
    """The distribution over configurations, or over the symbol on top: [rows, C] to [rows, C or S]."""
    return top if with_states else torch.unflatten(top, -1, (automaton.states, -1)).sum(dim=-2)


def advance(automaton: Automaton, stack: Stack, weights: Transitions) -> Stack:
    """The stacks after a step, with a gradient; the reference for whole sequences.

    Args:
        automaton: the automaton.
        stack: the stacks before the step, of the same rows.
        weights: the weights of the step's transitions.
    """
    shares, entries = stack.shares, stack.shares.shape[1]
    pushed = (stack.top[:, :, None] * weights.push)[:, None]
    after = shares @ weights.replace[:, None]
    below = stack.below
    if entries > 1:
        popped = shares[:, 1:] @ weights.pop[:, None]  # [rows, n - 1, C, Q]
        popped = torch.unflatten(popped, 2, (automaton.states, -1)).permute(0, 3, 1, 2, 4)  # [rows, S, n - 1, Q, Q]
        exposed = below.flatten(4, 5).flatten(2, 3) @ popped.flatten(2, 3)  # [rows, S, (n - 1) C, Q]
        exposed = (
            torch.unflatten(exposed, 2, (entries - 1, -1)).permute(0, 2, 3, 4, 1).flatten(3)
        )  # [rows, n - 1, C, C]
        after = after + pad(exposed, (0, 0, 0, 0, 0, 1))
    if entries > 0:
        beneath = _divided(shares, stack.top[:, None, None])  # [rows, n, C, C]
        beneath = torch.unflatten(beneath, 3, (automaton.states, -1)).permute(0, 4, 1, 2, 3)[:, :, :, :, None]
        below = torch.cat([pad(below, (0, 0, 0, 0, 0, 0, 0, 1)), beneath], dim=4)
    after = torch.cat([after, pushed], dim=1)
    if automaton.window is not None and entries == automaton.window:
        after, below = after[:, 1:], below[:, :, 1:, :, 1:]
    after = _divided(after, after.sum(dim=(1, 2, 3), keepdim=True))
    after = after * (after > LEAST)
    return Stack(after, below, after.sum(dim=(1, 2)))


def _divided(part: Tensor, whole: Tensor) -> Tensor:
    """The quotient, 0 where the whole is 0."""
    nothing = whole == 0.0
    return (part / whole.masked_fill(nothing, 1.0)).masked_fill(nothing, 0.0)
