"""Multi-head scaled dot-product attention, to a source and of whole sequences to themselves.

H heads of width D/H (Vaswani et al. 2017, section 3.2). `attend` is the reference. The C code reads real tokens only.
"""

from __future__ import annotations

import ctypes
import math

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from nmt.nn import native
from nmt.nn.dropout import Dropout

_FEW = 8
"""Up to this many queries per sentence, separate matrix products beat fused attention."""


def attend_to_source(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor, dropout: Dropout) -> Tensor:
    """Attention to the real tokens of a source.

    Args:
        queries: [B, T, D]; in a search step T counts the hypotheses of a sentence.
        keys: [B, S, H, D/H].
        values: [B, S, H, D/H].
        mask: [B, 1, 1, S] bool, True on real tokens.
        dropout: applied to the weights.

    Returns:
        [B, T, D]
    """
    if queries.shape[1] <= _FEW and not dropout.training and _reads(mask, queries):
        functions = native.functions_for(queries, keys, values)
        if functions is not None:
            return _attend_to_real(functions, queries, keys, values, mask)
    parts = split_heads(queries, keys.shape[2]), keys.transpose(1, 2), values.transpose(1, 2)
    return merge_heads(attend(*parts, mask, causal=False, dropout=dropout))


def attend_to_self(projected: Tensor, heads: int, mask: Tensor | None, dropout: Dropout) -> Tensor:
    """Attention of whole sequences to themselves.

    Args:
        projected: [B, T, 3D], queries, keys and values.
        heads: H.
        mask: [B, 1, 1, T] bool, True where a key may be attended to; None makes the attention causal.
        dropout: applied to the weights.

    Returns:
        [B, T, D]
    """
    if mask is not None and not dropout.training and _reads(mask, projected):
        functions = native.functions_for(projected)
        if functions is not None:
            # Only to real tokens: padding changes the rounding of torch's kernels by a millionth, which 8-bit layers
            # could turn into a whole quantisation step.
            queries, keys, values = (part.contiguous() for part in projected.chunk(3, dim=-1))
            shape = (*keys.shape[:2], heads, -1)
            return _attend_to_real(functions, queries, keys.view(shape), values.view(shape), mask)
    queries, keys, values = (split_heads(part, heads) for part in projected.chunk(3, dim=-1))
    return merge_heads(attend(queries, keys, values, mask, causal=mask is None, dropout=dropout))


def _reads(mask: Tensor, rows: Tensor) -> bool:
    """Whether `attend_to_source` of decoding.c can read the mask: as many sentences as `rows`, one byte per token."""
    return mask.dtype == torch.bool and mask.shape[0] == rows.shape[0] and mask.is_contiguous()


def _attend_to_real(functions: ctypes.CDLL, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """In C: contiguous queries [B, T, D], keys and values [B, S, H, D/H], mask [B, 1, 1, S]. Returns [B, T, D]."""
    sentences, length, heads, size = keys.shape
    context = torch.empty_like(queries)
    failed = functions.attend_to_source(
        queries.data_ptr(),
        keys.data_ptr(),
        values.data_ptr(),
        mask.data_ptr(),
        sentences,
        queries.shape[1],
        heads,
        length,
        size,
        context.data_ptr(),
    )
    native.check(failed)
    return context


def attend(
    queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, *, causal: bool, dropout: Dropout
) -> Tensor:
    """softmax(QK'/sqrt(D/H))V for queries [B, H, T, D/H]. Returns [B, H, T, D/H]."""
    p = dropout.p if dropout.training else 0.0
    # On a CPU, torch's attention dropout draws sequentially. Its fused attention takes about ten times as long as the
    # separate products below in a bf16 backward pass (torch 2.13), and is slower too for the few queries of a step.
    slow = p > 0.0 or (queries.dtype == torch.bfloat16 and torch.is_grad_enabled()) or queries.shape[2] <= _FEW
    kept = p > 0.0 and not dropout.fresh  # torch would draw a new mask at each call
    if not kept and (queries.device.type != "cpu" or not slow):
        return scaled_dot_product_attention(queries, keys, values, attn_mask=mask, dropout_p=p, is_causal=causal)
    if causal:
        length = queries.shape[2]
        mask = torch.ones(length, length, dtype=torch.bool, device=queries.device).tril()
    assert mask is not None
    with torch.autocast(queries.device.type, enabled=False):
        context: Tensor = dropout(softmax_of_scores(queries, keys, _attention_bias(mask, queries.dtype))) @ values
        return context


def attention_weights(queries: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
    """Attention weights, [B, H, T, S] float32: rows sum to 1, 0 where the mask is False."""
    with torch.autocast(queries.device.type, enabled=False):
        return softmax_of_scores(queries.float(), keys.float(), _attention_bias(mask, torch.float32))


def softmax_of_scores(queries: Tensor, keys: Tensor, bias: Tensor | None) -> Tensor:
    """Attention weights, [B, H, T, S]; `bias` is added to the scores, broadcast."""
    scores = (queries * queries.shape[-1] ** -0.5) @ keys.mT
    return torch.softmax(scores if bias is None else scores + bias.to(scores.dtype), dim=-1)


def _attention_bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """0 where the mask is True, -inf elsewhere; adding it, broadcast, takes a tenth of the time of masked_fill."""
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, -math.inf)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """Splits vectors into heads."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)  # [B, T, D] -> [B, H, T, D/H]


def merge_heads(x: Tensor) -> Tensor:
    """Concatenates the heads."""
    return x.transpose(1, 2).flatten(2)  # [B, H, T, D/H] -> [B, T, D]
