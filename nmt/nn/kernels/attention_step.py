"""Attention of the newest position of each hypothesis to its own past."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from nmt.nn import native
from nmt.nn.kernels.attention import merge_heads, softmax_of_scores
from nmt.nn.keys_values import KeysValues, Slot


def attend_in_step(projected: Tensor, past: KeysValues, slot: Slot) -> Tensor:
    """Writes the newest keys and values into the past, and attends to it: softmax(QK'/sqrt(D/H))V for each hypothesis.

    Args:
        projected: [B, K, 3D], queries, keys and values of the newest position.
        past: keys and values so far, with room for the newest.
        slot: where to write them, and what each hypothesis may attend to.

    Returns:
        [B, K, D]
    """
    functions = native.functions_for(projected, past.keys, past.values)
    if functions is not None and slot.own.is_contiguous():
        return _attend_to_own(functions, projected, past, slot)
    queries, keys, values = projected.view(*projected.shape[:2], 3, *past.keys.shape[2:]).unbind(2)
    past.write(slot.start, KeysValues(keys, values))
    seen = past.upto(slot.end)
    weights = softmax_of_scores(queries.transpose(1, 2), seen.keys.transpose(1, 2), slot.attention_bias)
    return merge_heads(weights @ seen.values.transpose(1, 2))


def _attend_to_own(functions: ctypes.CDLL, projected: Tensor, past: KeysValues, slot: Slot) -> Tensor:
    """In C, which reads a hypothesis's own entries without copying them."""
    sentences, room, heads, size = past.keys.shape
    beam, count = slot.own.shape[1:]
    context = torch.empty((sentences, beam, heads * size))
    failed = functions.attend_to_own(
        projected.data_ptr(),
        past.keys.data_ptr(),
        past.values.data_ptr(),
        slot.own.data_ptr(),
        sentences,
        beam,
        heads,
        room,
        size,
        count,
        slot.start,
        context.data_ptr(),
    )
    native.check(failed)
    return context
