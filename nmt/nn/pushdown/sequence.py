"""All steps of nondeterministic stacks over whole sequences, with a gradient.

`nmt.nn.pushdown.stack.advance` is the reference, but autograd would keep a copy of all that is below at each step. Here
the numbers of all steps share one tape, which each step writes its own entries to, and so do the gradients.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nmt.nn.pushdown.automaton import Automaton
from nmt.nn.pushdown.stack import Stack
from nmt.nn.pushdown.tape import Saved, Tape

_LEAST_STEPS = 32
"""Of a tape, unless the sequence ends."""


class StackSequences:
    """The stacks of B sequences that take the same number of steps.

    Args:
        stack: the stacks before the first step, [B] rows.
        automaton: the automaton.
        steps: the most steps that will be taken.
    """

    def __init__(self, automaton: Automaton, stack: Stack, steps: int) -> None:
        self._automaton, self._most = automaton, steps
        self._steps = [(stack.top, stack.shares)]
        self._tapes = list[tuple[Tape, int]]()
        """Each with the number of steps before it."""
        self._mark = stack.top.new_zeros(())
        self._begin(stack)

    @property
    def top(self) -> Tensor:
        """[B, C], the shares of the present configurations, with a gradient."""
        return self._steps[-1][0]

    def advance(self, logits: Tensor) -> None:
        """Takes a step with the transitions of `logits`, [B, transitions]."""
        tape, start = self._tapes[-1]
        time = len(self._steps) - 1
        if time - start == tape.steps:
            steps = torch.full((len(logits),), time, device=logits.device)
            self._begin(self.after(steps))
            tape, start = self._tapes[-1]
        top, shares, self._mark = _Step.apply(logits, *self._steps[-1], self._mark, tape, time - start)  # type: ignore[no-untyped-call]
        self._steps.append((top, shares))

    def after(self, steps: Tensor) -> Stack:
        """The stacks of each sequence after so many steps, [B] int64, with a gradient."""
        longest = int(steps.max())
        shares, below, rows = [], [], []
        for time in sorted(set(steps.tolist())):
            tape, start = next((tape, start) for tape, start in self._tapes[::-1] if start <= time)
            chosen = torch.nonzero(steps == time).squeeze(1)
            top, all_shares = self._steps[time]
            rows.append(chosen)
            shares.append(tape.fitted(all_shares[chosen], time, longest))
            below.append(_Below.apply(top, tape, chosen, time - start, longest - start))  # type: ignore[no-untyped-call]
        back = torch.cat(rows).argsort()
        tops = torch.stack([top for top, _ in self._steps])[steps, torch.arange(len(steps), device=steps.device)]
        return Stack(torch.cat(shares)[back], torch.cat(below)[back], tops)

    def _begin(self, stack: Stack) -> None:
        """Begins a new tape. With a window each is so short that the time it takes to make it does not count."""
        window, start = self._automaton.window, len(self._steps) - 1
        steps = self._most - start
        tape = Tape(self._automaton, stack, steps if window is None else min(steps, max(window, _LEAST_STEPS)))
        self._mark = _Begin.apply(stack.below, tape)  # type: ignore[no-untyped-call]
        self._steps[-1] = stack.top.contiguous(), stack.shares.contiguous()
        self._tapes.append((tape, start))


class _Step(torch.autograd.Function):
    """A step. The gradient of its mark is the number of steps whose gradients are known so far."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 -- torch gives it no type
        logits: Tensor,
        top: Tensor,
        shares: Tensor,
        mark: Tensor,
        tape: Tape,
        time: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        saved, now = tape.forward(logits, top, shares, time)
        ctx.tape, ctx.time, ctx.shape, ctx.dtype = tape, time, logits.shape, logits.dtype
        ctx.save_for_backward(*saved)
        ctx.set_materialize_grads(False)
        return now, saved.after, mark.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_top: Tensor | None, of_after: Tensor | None, mark: Tensor | None) -> tuple[Any, ...]:  # noqa: ANN401
        saved, time = Saved(*ctx.saved_tensors), ctx.time
        upper = time + 1 if mark is None else int(mark)
        if of_top is None and of_after is None:
            of_top = torch.zeros_like(saved.top)
        of_rows, *found = ctx.tape.backward(of_top, of_after, saved, time, upper)
        if ctx.tape.automaton.normalized:
            of_rows -= saved.weights * of_rows.sum(dim=-1, keepdim=True)
        if not ctx.needs_input_grad[3]:  # the first step with a gradient, and the last that is asked for it
            ctx.tape.of_below = None  # another backward pass begins anew
        of_logits = of_rows.view(ctx.shape).to(ctx.dtype)
        return of_logits, *found, saved.total.new_tensor(float(upper)), None, None


class _Begin(torch.autograd.Function):
    """Gives the gradient of what was below before the first step, from the mark of that step."""

    @staticmethod
    def forward(ctx: Any, below: Tensor, tape: Tape) -> Tensor:  # noqa: ANN401
        ctx.tape = tape
        return below.new_zeros(())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, mark: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        found = ctx.tape.of_begun(int(mark))
        ctx.tape.of_below = None  # another backward pass begins anew
        return found, None


class _Below(torch.autograd.Function):
    """What is below the entries of some sequences after so many steps, as in a `Stack` after `longest` steps."""

    @staticmethod
    def forward(ctx: Any, top: Tensor, tape: Tape, rows: Tensor, time: int, longest: int) -> Tensor:  # noqa: ANN401
        ctx.tape, ctx.rows, ctx.time, ctx.longest = tape, rows, time, longest
        ctx.shape = top.shape
        there, here, entries = tape.earlier(time, longest)
        symbols, size, states = tape.automaton.symbols, tape.size, tape.states
        found = top.new_zeros(len(rows), symbols, entries, size, entries, states)
        found[:, :, here, :, here] = tape.below[rows][:, :, there, :, there]
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:  # noqa: ANN401
        tape = ctx.tape
        there, here, _ = tape.earlier(ctx.time, ctx.longest)
        if tape.of_below is None:
            tape.of_below = torch.zeros_like(tape.below)
        tape.of_below[ctx.rows, :, there, :, there] += gradient[:, :, here, :, here]
        return gradient.new_zeros(ctx.shape), None, None, None, None
