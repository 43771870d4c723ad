"""Linear recurrences c_t = a_t c_(t-1) + u_t, computed for all positions of a sequence at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def scan(decay: Tensor, update: Tensor) -> Tensor:
    """All states of the recurrence from c_0 = 0, with a gradient.

    Args:
        decay: a, [B, T, D], between 0 and 1 for stability.
        update: u, [B, T, D].

    Returns:
        c, [B, T, D]; a state depends on no later position.
    """
    states: Tensor = _Scan.apply(decay, update)  # type: ignore[no-untyped-call]
    return states


def plain_scan(decay: Tensor, update: Tensor) -> Tensor:
    """The definition, differentiated by autograd; the reference that `scan` is tested against."""
    states = [update[:, 0]]
    for a, u in zip(decay.unbind(1)[1:], update.unbind(1)[1:], strict=True):
        states.append(a * states[-1] + u)
    return torch.stack(states, dim=1)


class _Scan(torch.autograd.Function):
    """The gradient is the same recurrence backwards: g_t = dL/dc_t + a_(t+1) g_(t+1), du = g, da_t = g_t c_(t-1)."""

    @staticmethod
    def forward(ctx: Any, decay: Tensor, update: Tensor) -> Tensor:  # noqa: ANN401 -- torch gives it no type
        states = _states(decay, update)
        ctx.save_for_backward(decay, states)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        decay, states = ctx.saved_tensors
        found = _states_from_the_end(decay, gradient)
        of_decay = torch.zeros_like(decay)
        torch.mul(found[:, 1:], states[:, :-1], out=of_decay[:, 1:])
        return of_decay, found


def _states(decay: Tensor, update: Tensor) -> Tensor:
    """All states, by the faster method for the device."""
    return _in_turn(decay, update) if _is_cpu(update) else _doubling(decay, update)


def _states_from_the_end(decay: Tensor, update: Tensor) -> Tensor:
    """g_t = u_t + a_(t+1) g_(t+1)."""
    if _is_cpu(update):
        return _in_turn_from_the_end(decay, update)
    following = torch.cat([decay[:, 1:], torch.zeros_like(decay[:, :1])], dim=1)
    return _doubling(following.flip(1), update.flip(1)).flip(1)


def _is_cpu(tensor: Tensor) -> bool:
    return tensor.is_cpu


def _in_turn(decay: Tensor, update: Tensor) -> Tensor:
    """One position after another, in place: the least memory traffic on a CPU."""
    states = update.clone(memory_format=torch.contiguous_format)
    before, *rest = states.unbind(1)
    for a, state in zip(decay.unbind(1)[1:], rest, strict=True):
        before = state.addcmul_(a, before)
    return states


def _in_turn_from_the_end(decay: Tensor, update: Tensor) -> Tensor:
    states = update.clone(memory_format=torch.contiguous_format)
    after, *rest = reversed(states.unbind(1))
    for a, state in zip(reversed(decay.unbind(1)[1:]), rest, strict=True):
        after = state.addcmul_(a, after)
    return states


def _doubling(decay: Tensor, update: Tensor) -> Tensor:
    """log2(T) passes over all positions (Hillis and Steele 1986), without division, so nothing overflows.

    Each pass doubles the number of positions that a state covers; `decay` is the product over as many.
    """
    states, reach = update, 1
    while reach < update.shape[1]:
        further = torch.addcmul(states[:, reach:], decay[:, reach:], states[:, :-reach])
        states = torch.cat([states[:, :reach], further], dim=1)
        decay = torch.cat([decay[:, :reach], decay[:, reach:] * decay[:, :-reach]], dim=1)
        reach *= 2
    return states
