"""Attention of positions to those nearby, computed in blocks, so that its cost grows linearly with the length.

A sequence is cut into N blocks of as many positions as the window W; each sees its own keys, those of the block before
it and, with `around`, those of the block after it. A sequence of up to W positions is one block without padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor, nn

from nmt.nn.head_attention import CLOSED, HeadAttention, closed_bias
from nmt.nn.relative_positions import RelativePositions
from nmt.nn.rows import Rows
from nmt.nn.window import Window

Reach = Literal["earlier", "around", "blocks"]
"""The keys that a position may see: the last W positions, its own included; positions less than W away on both sides;
its whole block and the whole block before it."""


@dataclass
class Keys(Rows):
    """Keys and values, and which of them are not padding."""

    keys: Tensor
    """[B, ..., S, H, D/H]"""
    values: Tensor
    """[B, ..., S, H, D/H]"""
    real: Tensor
    """[B, ..., S] bool"""

    @classmethod
    def nothing(cls, like: Tensor, sentences: int, heads: int, size: int) -> Self:
        """No keys, S = 0, with the dtype and device of `like`."""
        keys = like.new_empty(sentences, 0, heads, size)
        return cls(keys, keys, torch.ones((sentences, 0), dtype=torch.bool, device=like.device))

    def unbind(self) -> list[Self]:
        """The keys that each of N blocks sees, from [B, N, S, ...]."""
        return [type(self)(*parts) for parts in zip(*(part.unbind(1) for part in self.tensors()), strict=True)]

    def filled(self, window: int) -> Self:
        """[B, 2W, ...] from up to two blocks, of which the last may be short; padding fills the gaps. Self if empty."""
        size = self.real.shape[1]
        missing = -size % window
        in_front = 2 * window - size - missing

        def fill(part: Tensor) -> Tensor:
            gaps = (part.new_zeros(len(part), gap, *part.shape[2:]) for gap in (in_front, missing))
            return torch.cat([next(gaps), part, next(gaps)], dim=1)

        return self.map(fill) if size else self


class BlockAttention(nn.Module):
    """Attention within reach, with a bias by distance.

    Args:
        dim: D.
        heads: H.
        dropout: dropout rate of the weights.
        window: W.
        reach: what a position may see.
        normalized: whether queries and keys are normalised.
    """

    def __init__(self, dim: int, heads: int, dropout: float, window: int, reach: Reach, *, normalized: bool) -> None:
        super().__init__()
        self.window, self.reach = window, reach
        self.attention = HeadAttention(heads, dropout, normalized=normalized)
        self.relative_positions = RelativePositions(heads, dim, causal=reach == "earlier")

    def in_blocks(self, keys: Tensor, values: Tensor, real: Tensor, before: Keys) -> Keys:
        """The keys that each block sees.

        Args:
            keys: [B, T, H, D/H].
            values: [B, T, H, D/H].
            real: [B, T] bool.
            before: what precedes the sequence: the last W positions, or nothing.

        Returns:
            [B, N, S, ...], a block's own keys after those of the block before it.
        """
        return Keys(
            self._spans(keys, before.keys[:, -self.window :]),
            self._spans(values, before.values[:, -self.window :]),
            self._spans(real, before.real[:, -self.window :]),
        )

    def forward(self, queries: Tensor, keys: Keys) -> Tensor:
        """Attention of whole sequences.

        Args:
            queries: [B, N, L, H, D/H], in blocks.
            keys: what each block sees, from `in_blocks`.

        Returns:
            [B, N, L, D]
        """
        bias = self._position_bias(queries.shape[2], keys.real.shape[2], queries.shape[1] > 1, queries.device)
        context: Tensor = self.attention(queries, keys.keys, keys.values, bias + closed_bias(keys.real))
        return context

    def step(self, query: Tensor, window: Window) -> Tensor:
        """Attention of a new position, already in the window, to the last W; query: [N, H, D/H]. Returns [N, D]."""
        keys, values = window.last()
        distances = torch.arange(keys.shape[1] - 1, -1, -1, device=query.device)
        context: Tensor = self.attention(query[:, None], keys, values, self.relative_positions(distances)[:, None])
        return context[:, 0]

    def _spans(self, x: Tensor, before: Tensor) -> Tensor:
        """x: [B, T, ...]; before: [B, W or 0, ...]. Returns [B, N, S, ...], zeros where there is nothing."""
        blocks = cut(x, self.window)
        if blocks.shape[1] == 1:
            return torch.cat([before[:, None], blocks], dim=2)
        nothing = torch.zeros_like(blocks[:, :1])
        first = before[:, None] if before.shape[1] else nothing
        parts = [torch.cat([first, blocks[:, :-1]], dim=1), blocks]
        if self.reach == "around":
            parts.append(torch.cat([blocks[:, 1:], nothing], dim=1))
        return torch.cat(parts, dim=2)

    def _position_bias(self, length: int, span: int, several: bool, device: torch.device) -> Tensor:
        """By distance, closed out of reach: [H, L, S]."""
        before = self.window if several else span - length
        distances = before + torch.arange(length, device=device)[:, None] - torch.arange(span, device=device)
        bias: Tensor = self.relative_positions(distances)
        if self.reach == "blocks":
            return bias
        out_of_reach = distances.abs() >= self.window
        if self.reach == "earlier":
            out_of_reach |= distances < 0
        return bias.masked_fill(out_of_reach, CLOSED)


def cut(x: Tensor, window: int) -> Tensor:
    """Cuts [B, T, ...] into blocks [B, N, L, ...], the last one filled up with zeros: L = W, or T if that is less."""
    length = x.shape[1]
    if length <= window:
        return x[:, None]
    missing = -length % window
    if missing:
        x = torch.cat([x, x.new_zeros(len(x), missing, *x.shape[2:])], dim=1)
    return x.reshape(len(x), -1, window, *x.shape[2:])


def join(blocks: Tensor, length: int) -> Tensor:
    """The inverse of `cut`: [B, N, L, ...] to [B, T, ...]."""
    return blocks.flatten(1, 2)[:, :length]
