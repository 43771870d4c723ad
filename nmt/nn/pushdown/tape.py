"""The numbers of all steps of nondeterministic stacks over whole sequences, and their gradients.

The steps are those of `nmt.nn.pushdown.stack`, in torch and, on a CPU, in C (nmt/nn/native/pushdown.c). Axes: B
sequences, S symbols, Q states, C = QS configurations, T steps, n entries. Entries are counted from the first of the
tape: at time t there are `base` + t, of which a window forgets the first.
"""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nmt.nn import native
from nmt.nn.pushdown.automaton import Automaton
from nmt.nn.pushdown.stack import LEAST, Stack

_LANES = 8


class Saved(NamedTuple):
    """What a step keeps for its gradient."""

    weights: Tensor
    """[B, C, 2C + Q]"""
    top: Tensor
    """[B, C], before the step."""
    shares: Tensor
    """[B, n, C, C], before the step."""
    after: Tensor
    """[B, n + 1, C, C]; n if the window has no room for more."""
    total: Tensor
    """[B, 1, 1, 1], what the shares were divided by."""


class Tape:
    """The numbers of all steps, unknown to autograd."""

    def __init__(self, automaton: Automaton, stack: Stack, steps: int) -> None:
        like, self.base = stack.top, stack.shares.shape[1]
        self.automaton, self.steps, self.most = automaton, steps, self.base + steps
        self.rows, self.size, self.states = len(like), automaton.configurations, automaton.states
        self.slots, self.moments = _rounded(self.most), _rounded(steps)
        shape = self.rows, automaton.symbols, self.most
        self.below = _zeros(like, *shape, self.size, self.slots, self.states)
        """[B, S, n, C, n, Q]: below[i→k][c→u,y] by y, i, c, k, u; 0 where not i < k."""
        self.popped = _zeros(like, *shape, self.states, self.moments, self.states)
        """[B, S, n, Q, T, Q]: popped[k][u,y→r] of each step by y, k, u, step, r."""
        self.of_exposed: Tensor | None = None
        """[B, S, n, C, T, Q], gradients of what pops of each step expose, by y, i, c, step, r."""
        self.of_below: Tensor | None = None
        """As `below`, gradients from outside."""
        self.begun = stack.below.shape[2]
        """Entries with others above them at time 0."""
        self.below[:, :, : self.begun, :, : self.begun] = stack.below.detach()

    def first(self, time: int) -> int:
        """The first entry that counts at a time."""
        window = self.automaton.window
        return 0 if window is None else max(0, self.base + time - window)

    def fitted(self, shares: Tensor, time: int, longest: int) -> Tensor:
        """Shares at a time, [rows, n, C, C], with as many entries as a `Stack` has after `longest` steps."""
        window, entries = self.automaton.window, shares.shape[1]
        ahead, behind = (0, longest - time) if window is None else (window - entries, 0)
        return torch.nn.functional.pad(shares, (0, 0, 0, 0, ahead, behind))

    def earlier(self, time: int, longest: int) -> tuple[slice, slice, int]:
        """The entries that have others above them at a time: where they are in `below` and in that of a `Stack` after
        `longest` steps, and how many it has.
        """
        window, first, end = self.automaton.window, self.first(time), self.base + time - 1
        count = max(end - first, 0)
        if window is None:
            return slice(first, first + count), slice(0, count), max(self.base + longest - 1, 0)
        return slice(first, first + count), slice(window - 1 - count, window - 1), window - 1

    def of_begun(self, upper: int) -> Tensor:
        """The gradient of what is below at time 0, as in a `Stack`, when those of `upper` steps are known."""
        begun = slice(self.begun)
        found = torch.zeros_like(self.below[:, :, begun, :, begun])
        if self.of_exposed is not None:
            exposed = self.of_exposed[:, :, begun, :, :upper].flatten(4, 5).flatten(2, 3)
            popped = self.popped[:, :, begun, :, :upper].flatten(4, 5).flatten(2, 3)
            found += (exposed @ popped.mT).view_as(found)
        return found if self.of_below is None else found + self.of_below[:, :, begun, :, begun]

    def forward(self, logits: Tensor, top: Tensor, shares: Tensor, time: int) -> tuple[Saved, Tensor]:
        """Step `time`, from 0: what its gradient needs, and the top after it."""
        functions = native.pushdown() if top.is_cpu else None
        weights = self.automaton.log_rows(logits).contiguous().exp_()  # C reads it in order
        if functions is not None:
            return self._forward_in_c(functions, weights, top, shares, time)
        size, states, first, entries = self.size, self.states, self.first(time), shares.shape[1]
        end = first + entries
        after = shares.new_empty(self.rows, entries + 1, size, size)
        torch.mul(top[:, :, None], weights[:, :, :size], out=after[:, entries])
        if entries > 0:
            moved = torch.unflatten(shares.view(self.rows, -1, size) @ weights[:, :, size:], 1, (entries, size))
            after[:, :entries] = moved[..., :size]
            beneath = torch.unflatten(shares * _inverse(top)[:, None, None], 3, (states, -1))
            self.below[:, :, first:end, :, end - 1] = beneath.permute(0, 4, 1, 2, 3)
            popped = torch.unflatten(moved[:, 1:, :, size:], 2, (states, -1))
            self.popped[:, :, first : end - 1, :, time] = popped.permute(0, 3, 1, 2, 4)
            exposed = self._part(self.below, first, end - 1) @ self._step(self.popped, first, end - 1, time)
            exposed = torch.unflatten(exposed, 2, (entries - 1, size)).permute(0, 2, 3, 4, 1)
            torch.unflatten(after[:, : entries - 1], 3, (states, -1)).add_(exposed)
        if self._dropped(time):
            after = after[:, 1:].contiguous()
        total = after.sum(dim=(1, 2, 3), keepdim=True)
        after *= _inverse(total)
        after *= after > LEAST
        return Saved(weights, top, shares, after, total), after.sum(dim=(1, 2))

    def backward(
        self, of_top: Tensor | None, of_after: Tensor | None, saved: Saved, time: int, upper: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The gradients of a step's log weights, and of the top and the shares before it.

        Args:
            of_top: the gradient of the top after it.
            of_after: the gradient of the shares after it.
            saved: from `forward`.
            time: the number of the step, from 0.
            upper: the number of steps whose gradients are known.
        """
        functions = native.pushdown() if saved.top.is_cpu else None
        if functions is not None:
            return self._backward_in_c(functions, of_top, of_after, saved, time, upper)
        weights, top, shares, after, total = saved
        size, first, entries = self.size, self.first(time), shares.shape[1]
        found = sum(part for part in (of_after, None if of_top is None else of_top[:, None, None]) if part is not None)
        assert isinstance(found, Tensor)
        found = found - (found * after).sum(dim=(1, 2, 3), keepdim=True)
        found = found * (after > 0.0) * _inverse(total)
        if self._dropped(time):
            found = torch.nn.functional.pad(found, (0, 0, 0, 0, 1, 0))
        of_weights, pushed = torch.zeros_like(weights), found[:, entries]
        torch.mul(pushed, top[:, :, None], out=of_weights[:, :, :size])
        before = (pushed * weights[:, :, :size]).sum(dim=2)
        if entries == 0:
            return of_weights.mul_(weights), before, torch.zeros_like(shares)
        of_moved = found.new_zeros(self.rows, entries, size, size + self.states)
        of_moved[..., :size] = found[:, :entries]
        if entries > 1:
            of_popped = self._of_popped(found[:, : entries - 1], first, time)
            torch.unflatten(of_moved[:, 1:, :, size:], 2, (self.states, -1)).copy_(of_popped)
        of_moved = of_moved.view(self.rows, -1, size + self.states)
        torch.matmul(shares.view(self.rows, -1, size).mT, of_moved, out=of_weights[:, :, size:])
        of_shares = (of_moved @ weights[:, :, size:].mT).view_as(shares)
        of_beneath = self._of_beneath(first, entries, time, upper)
        if of_beneath is not None:
            inverse = _inverse(top)
            of_beneath *= inverse[:, None, None]
            of_shares += of_beneath
            before -= (of_beneath * shares).sum(dim=(1, 2)) * inverse
        return of_weights.mul_(weights), before, of_shares

    def _of_popped(self, of_exposed: Tensor, first: int, time: int) -> Tensor:
        """From the gradient of what pops expose, [B, n - 1, C, C], that of what they pop, [B, n - 1, Q, S, Q]."""
        self._make_room()
        assert self.of_exposed is not None
        end = first + of_exposed.shape[1]
        of_exposed = torch.unflatten(of_exposed, 3, (self.states, -1)).permute(0, 4, 1, 2, 3)
        self.of_exposed[:, :, first:end, :, time] = of_exposed
        found: Tensor = self._part(self.below, first, end).mT @ self._step(self.of_exposed, first, end, time)
        return torch.unflatten(found, 2, (-1, self.states)).permute(0, 2, 3, 1, 4)

    def _of_beneath(self, first: int, entries: int, time: int, upper: int) -> Tensor | None:
        """The gradient of what is below the last entry before step `time`, [B, n, C, C], which later pops expose."""
        last = first + entries - 1
        found = None if self.of_below is None else self.of_below[:, :, first : last + 1, :, last].clone()
        if upper > time + 1 and self.of_exposed is not None:
            exposed = self.of_exposed[:, :, first : last + 1, :, time + 1 : upper].flatten(4, 5).flatten(2, 3)
            popped = self.popped[:, :, last, :, time + 1 : upper].flatten(3, 4)
            product = torch.unflatten(exposed @ popped.mT, 2, (entries, self.size))  # [B, S, n, C, Q]
            found = product if found is None else found + product
        return None if found is None else found.permute(0, 2, 3, 4, 1).flatten(3)

    def _make_room(self) -> None:
        if self.of_exposed is None:
            self.of_exposed = _zeros(self.below, *self.below.shape[:4], self.moments, self.states)

    def _forward_in_c(
        self, functions: ctypes.CDLL, weights: Tensor, top: Tensor, shares: Tensor, time: int
    ) -> tuple[Saved, Tensor]:
        entries = shares.shape[1]
        after = shares.new_empty(self.rows, entries + 1 - self._dropped(time), self.size, self.size)
        saved, now = Saved(weights, top, shares, after, top.new_empty(self.rows, 1, 1, 1)), torch.empty_like(top)
        given = weights, top, shares, self.below, self.popped, after, saved.total, now
        native.check(functions.step_forward(self._sizes(time, entries), *(part.data_ptr() for part in given)))
        return saved, now

    def _backward_in_c(
        self,
        functions: ctypes.CDLL,
        of_top: Tensor | None,
        of_after: Tensor | None,
        saved: Saved,
        time: int,
        upper: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        self._make_room()
        made = torch.empty_like(saved.weights), torch.empty_like(saved.top), torch.empty_like(saved.shares)
        gradients = [None if part is None else part.contiguous() for part in (of_top, of_after, self.of_below)]
        given = (*saved, self.below, self.popped, *gradients, self.of_exposed, *made)
        addresses = (None if part is None else part.data_ptr() for part in given)
        native.check(functions.step_backward(self._sizes(time, saved.shares.shape[1]), upper, *addresses))
        return made

    def _dropped(self, time: int) -> int:
        return self.first(time + 1) - self.first(time)

    def _sizes(self, time: int, entries: int) -> ctypes.Array[ctypes.c_int64]:
        """`struct sizes` of pushdown.c."""
        rows, symbols = self.below.shape[:2]
        fixed = rows, symbols, self.states, self.most, self.slots, self.moments
        return (ctypes.c_int64 * 10)(*fixed, time, self.first(time), entries, self._dropped(time))

    def _part(self, below: Tensor, first: int, end: int) -> Tensor:
        """The matrices, [B, S, n C, n Q], of some entries."""
        rows = below.view(self.rows, -1, self.most * self.size, self.slots * self.states)
        return rows[:, :, first * self.size : end * self.size, first * self.states : end * self.states]

    def _step(self, of_all: Tensor, first: int, end: int, time: int) -> Tensor:
        """The matrices of a step, [B, S, n (C or Q), Q], of some entries."""
        each = of_all.shape[3]
        rows = of_all.view(self.rows, -1, self.most * each, self.moments * self.states)
        return rows[:, :, first * each : end * each, time * self.states : (time + 1) * self.states]


def _rounded(count: int) -> int:
    """Up to whole vectors, as pushdown.c needs them."""
    return -count // _LANES * -_LANES


def _zeros(like: Tensor, *shape: int) -> Tensor:
    """On a CPU, of memory that takes no time until it is touched: half of a tape never is."""
    return torch.from_numpy(np.zeros(shape)) if like.is_cpu else like.new_zeros(shape)


def _inverse(x: Tensor) -> Tensor:
    """1/x, 0 where x is 0 or so small that its inverse would be infinite."""
    return torch.where(x > 1e-300, 1.0 / x, 0.0)
