"""Multi-head scaled dot-product attention (Vaswani et al. 2017, section 3.2), to oneself and to a memory.

H heads of D/H each. Queries, keys and values of one source of input are projected by one matrix product.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from nmt.nn import native
from nmt.nn.dropout import Dropout
from nmt.nn.past import Past

_FEW = 8
"""Queries of a sentence, up to which the products of attention are faster by themselves."""


@dataclass
class KeysValues(Past):
    """Projected keys and values of what may be attended to; a row is a sentence."""

    by_sentence: ClassVar[bool] = True

    keys: Tensor
    """[B, S, H, D/H]"""
    values: Tensor
    """[B, S, H, D/H]"""

    @classmethod
    def nothing(cls, like: Tensor, sentences: int, heads: int, size: int) -> Self:
        """Without entries; of the dtype and on the device of `like`, with H heads of `size` values."""
        shape = (sentences, 0, heads, size)
        return cls(like.new_empty(shape), like.new_empty(shape))

    def upto(self, end: int) -> Self:
        """The first `end` entries; shares memory with these."""
        return type(self)(self.keys[:, :end], self.values[:, :end])

    def write(self, start: int, newer: KeysValues) -> None:
        """Puts the newer ones from `start` on into these, in place."""
        end = start + newer.keys.shape[1]
        self.keys[:, start:end] = newer.keys
        self.values[:, start:end] = newer.values

    def with_room(self, entries: int, least: int) -> Self:
        """These with room for `entries`; where they have none, a copy with twice as much room, and at least `least`."""
        room = self.keys.shape[1]
        if entries <= room:
            return self
        more = max(2 * room, entries, least) - room
        return type(self)(*(torch.nn.functional.pad(part, (0, 0, 0, 0, 0, more)) for part in (self.keys, self.values)))

    def descend(self, rows: Tensor, staying: Tensor | None, written: int) -> Self:
        return self if staying is None else self.upto(written).select(staying)


@dataclass(frozen=True)
class Place:
    """Where in the caches a step writes, and what its hypotheses may attend to."""

    start: int
    """First entry of the newest position: the K hypotheses of a sentence write side by side."""
    own: Tensor
    """[B, K, length + 1] int64: the entries that each hypothesis may attend to, its newest last."""

    @property
    def end(self) -> int:
        """One after the last of the entries that are written."""
        return self.start + self.own.shape[1]

    @cached_property
    def shut_out(self) -> Tensor | None:
        """[B, 1, K, end] float32, added to scores: 0 on a hypothesis's own entries, -inf on its neighbours'.

        None where there never was more than one hypothesis of a sentence.
        """
        if self.end == self.own.shape[2]:
            return None
        closed = torch.full((*self.own.shape[:2], self.end), -math.inf, device=self.own.device)
        return closed.scatter_(2, self.own, 0.0)[:, None]


class CrossAttention(nn.Module):
    """Attention of a target to the source, whose keys and values are projected once per sentence."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, Dropout(dropout)
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.output = nn.Linear(dim, dim)
        initialise_projections(self.query, self.key_value, self.output)

    def project(self, source: Tensor) -> KeysValues:
        """source: [B, S, D]."""
        parts = [part.unflatten(-1, (self.heads, -1)) for part in self.key_value(source).chunk(2, dim=-1)]
        if not torch.is_grad_enabled():  # they will be read at every step
            parts = [part.contiguous() for part in parts]
        return KeysValues(*parts)

    def forward(
        self, x: Tensor, memory: KeysValues, mask: Tensor, *, need_attention: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Args:
            x: [B, T, D]; in a step of search the T are a sentence's hypotheses.
            memory: of the B sentences.
            mask: [B, 1, 1, S] bool, True on real source tokens.

        Returns:
            [B, T, D], and the attention averaged over heads, [B, T, S], where asked for.
        """
        projected = self.query(x)
        queries = split_heads(projected, self.heads)
        few = x.shape[1] <= _FEW and not self.training
        if few and _reads(mask, projected) and native.applies(projected, memory.keys, memory.values):
            context = native.attend_to_source(projected, memory.keys, memory.values, mask)
        else:
            keys, values = memory.keys.transpose(1, 2), memory.values.transpose(1, 2)
            context = merge_heads(attend(queries, keys, values, mask, causal=False, dropout=self.dropout))
        weights = None
        if need_attention:
            weights = attention_weights(queries, memory.keys.transpose(1, 2), mask).mean(1)
        return self.output(context), weights


def attend_to_self(projected: Tensor, heads: int, mask: Tensor | None, dropout: Dropout) -> Tensor:
    """Attention of whole sequences to themselves.

    Args:
        projected: [B, T, 3D], queries, keys and values.
        heads: H.
        mask: [B, 1, 1, T] bool, True where a key may be attended to; None makes the attention causal.
        dropout: of the weights.

    Returns:
        [B, T, D]
    """
    if mask is not None and not dropout.training and _reads(mask, projected) and native.applies(projected):
        # To real tokens alone: the sums of torch's kernels round otherwise with other padding, by a millionth, and
        # 8-bit layers would make a step of such a difference.
        queries, keys, values = (part.contiguous() for part in projected.chunk(3, dim=-1))
        shape = (*keys.shape[:2], heads, -1)
        return native.attend_to_source(queries, keys.view(shape), values.view(shape), mask)
    queries, keys, values = (split_heads(part, heads) for part in projected.chunk(3, dim=-1))
    return merge_heads(attend(queries, keys, values, mask, causal=mask is None, dropout=dropout))


def _reads(mask: Tensor, rows: Tensor) -> bool:
    """Whether a mask is one that `native.attend_to_source` reads: of as many sentences, a byte a token."""
    return mask.dtype == torch.bool and mask.shape[0] == rows.shape[0] and mask.is_contiguous()


def attend_in_step(projected: Tensor, past: KeysValues, place: Place) -> Tensor:
    """Writes the newest keys and values into the past, and attends to it: softmax(QK'/sqrt(D/H))V for each hypothesis.

    Args:
        projected: [B, K, 3D], queries, keys and values of the newest position.
        past: with room for it.
        place: where.

    Returns:
        [B, K, D]
    """
    if native.applies(projected, past.keys, past.values) and place.own.is_contiguous():
        return native.attend_to_own(projected, past.keys, past.values, place.own, place.start)
    queries, keys, values = projected.view(*projected.shape[:2], 3, *past.keys.shape[2:]).unbind(2)
    past.write(place.start, KeysValues(keys, values))
    seen = past.upto(place.end)
    weights = _weights(queries.transpose(1, 2), seen.keys.transpose(1, 2), place.shut_out)
    return merge_heads(weights @ seen.values.transpose(1, 2))


def attend(
    queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, *, causal: bool, dropout: Dropout
) -> Tensor:
    """softmax(QK'/sqrt(D/H))V for [B, H, T, D/H] queries; [B, H, T, D/H]."""
    p = dropout.p if dropout.training else 0.0
    # On a CPU torch's own attention dropout draws sequentially, and its fused attention takes about ten times as long
    # backward in bf16 (torch 2.13) as the separate products below, and longer with the few queries of a step.
    slow = p > 0.0 or (queries.dtype == torch.bfloat16 and torch.is_grad_enabled()) or queries.shape[2] <= _FEW
    kept = p > 0.0 and not dropout.fresh  # torch would draw another mask at each call
    if not kept and (queries.device.type != "cpu" or not slow):
        return scaled_dot_product_attention(queries, keys, values, attn_mask=mask, dropout_p=p, is_causal=causal)
    if causal:
        length = queries.shape[2]
        mask = torch.ones(length, length, dtype=torch.bool, device=queries.device).tril()
    assert mask is not None
    with torch.autocast(queries.device.type, enabled=False):
        context: Tensor = dropout(_weights(queries, keys, _shut_out(mask, queries.dtype))) @ values
        return context


def attention_weights(queries: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
    """[B, H, T, S] float32: rows sum to 1, 0 where the mask is False."""
    with torch.autocast(queries.device.type, enabled=False):
        return _weights(queries.float(), keys.float(), _shut_out(mask, torch.float32))


def _weights(queries: Tensor, keys: Tensor, shut_out: Tensor | None) -> Tensor:
    scores = (queries * queries.shape[-1] ** -0.5) @ keys.mT
    return torch.softmax(scores if shut_out is None else scores + shut_out.to(scores.dtype), dim=-1)


def _shut_out(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """0 where the mask is True, -inf elsewhere: adding it, broadcast, takes a tenth of the time of masked_fill."""
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, -math.inf)


def initialise_projections(*projections: nn.Linear) -> None:
    """fairseq's initialisation: Xavier uniform per [D, D] block, gain 1/sqrt(2) but for the output; zero biases.

    The output projection comes last.
    """
    for projection in projections:
        nn.init.zeros_(projection.bias)
        gain = 1.0 if projection is projections[-1] else 1 / math.sqrt(2)
        for block in torch.split(projection.weight, projection.in_features):
            nn.init.xavier_uniform_(block, gain=gain)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """A head at a time."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)  # [B, T, D] -> [B, H, T, D/H]


def merge_heads(x: Tensor) -> Tensor:
    """The heads side by side again."""
    return x.transpose(1, 2).flatten(2)  # [B, H, T, D/H] -> [B, T, D]
