"""Linear recurrences x_t = a x_(t-1) + u_t with a constant diagonal matrix a, for all positions at once."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_ENOUGH_NUMBERS = 8192
"""Complex numbers per operation at which its arithmetic outweighs its call."""
_LEAST_CHUNKS = 8
"""With fewer chunks, taking turns without chunks is as fast."""


def diagonal_scan(decay: Tensor, update: Tensor, *, backwards: bool = False) -> Tensor:
    """All states of the recurrence from zero, with a gradient. Time and memory are linear in T.

    Args:
        decay: a, [P], real or complex; of absolute values up to 1 for stability.
        update: u, [B, T, P], of the same dtype.
        backwards: begin at the last position instead, x_t = a x_(t+1) + u_t.

    Returns:
        x, [B, T, P]; a state depends on no later position, or on no earlier one if backwards.
    """
    states: Tensor = _DiagonalScan.apply(decay, update, backwards)  # type: ignore[no-untyped-call]
    return states


def plain_diagonal_scan(decay: Tensor, update: Tensor, *, backwards: bool = False) -> Tensor:
    """The definition, differentiated by autograd; the reference that `diagonal_scan` is tested against."""
    first, *rest = update.flip(1).unbind(1) if backwards else update.unbind(1)
    states = [first]
    for u in rest:
        states.append(decay * states[-1] + u)
    return torch.stack(states[::-1] if backwards else states, dim=1)


class _DiagonalScan(torch.autograd.Function):
    """The gradient is the same recurrence the other way, in torch's convention for complex numbers.

    g_t = dL/dx_t + conj(a) g_(t+1), du = g, da = sum over sequences and positions of g_t conj(x_(t-1)).
    """

    @staticmethod
    def forward(ctx: Any, decay: Tensor, update: Tensor, backwards: bool) -> Tensor:  # noqa: ANN401 -- torch has no type
        states = _states(decay, update, backwards)
        ctx.save_for_backward(decay, states)
        ctx.backwards = backwards
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:  # noqa: ANN401
        decay, states = ctx.saved_tensors
        found = _states(decay.conj().resolve_conj(), gradient, not ctx.backwards)
        later, earlier = (slice(None, -1), slice(1, None)) if ctx.backwards else (slice(1, None), slice(None, -1))
        return (found[:, later] * states[:, earlier].conj()).sum((0, 1)), found, None


def _states(decay: Tensor, update: Tensor, backwards: bool) -> Tensor:
    """All states, by the fastest form for the device and the shape (tests/benchmarks/diagonal_scan.py)."""
    if not _is_cpu(update):
        return _doubling(decay, update.flip(1)).flip(1) if backwards else _doubling(decay, update)
    sequences, length, states = update.shape
    chunks = min(math.isqrt(length), _ENOUGH_NUMBERS // max(1, sequences * states))
    if chunks < _LEAST_CHUNKS:
        return _in_turn(decay, update, backwards)
    size = length // chunks
    return _chunked(decay, update.flip(1), size).flip(1) if backwards else _chunked(decay, update, size)


def _is_cpu(tensor: Tensor) -> bool:
    return tensor.is_cpu


def _in_turn(decay: Tensor, update: Tensor, backwards: bool = False) -> Tensor:
    """One position after another, in place: the least memory traffic on a CPU."""
    states = update.clone(memory_format=torch.contiguous_format)
    _take_turns(decay, reversed(states.unbind(1)) if backwards else states.unbind(1))
    return states


def _chunked(decay: Tensor, update: Tensor, size: int) -> Tensor:
    """In turn within chunks of `size` positions, in all chunks at once, then from chunk to chunk, in place.

    About size + T / size operations instead of T, each on more numbers.
    """
    states = update.clone(memory_format=torch.contiguous_format)
    sequences, length, width = states.shape
    whole = length - length % size
    chunks = states[:, :whole].view(sequences, whole // size, size, width)
    _take_turns(decay, chunks.unbind(2))
    powers = decay.expand(size, -1).cumprod(0)  # [size, P]: a, a^2, ...
    ends = chunks[:, :, -1]
    _take_turns(powers[-1], ends.unbind(1))
    chunks[:, 1:, :-1].addcmul_(powers[:-1], ends[:, :-1, None])
    _take_turns(decay, states[:, whole - 1 :].unbind(1))
    return states


def _take_turns(decay: Tensor, states: Iterable[Tensor]) -> None:
    """Adds to each state, but the first, the decayed one before it."""
    for before, state in pairwise(states):
        state.addcmul_(decay, before)


def _doubling(decay: Tensor, update: Tensor) -> Tensor:
    """log2(T) passes over all positions (Hillis and Steele 1986), each of which doubles what a state covers."""
    states, reach = update, 1
    while reach < update.shape[1]:
        further = torch.addcmul(states[:, reach:], decay, states[:, :-reach])
        states, decay, reach = torch.cat([states[:, :reach], further], dim=1), decay * decay, 2 * reach
    return states
