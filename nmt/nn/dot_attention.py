"""Attention by a bilinear product, and Luong's attentional vector (Luong et al. 2015, section 3.1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from nmt.nn.initial import Uniform
from nmt.options import Options


class DotAttention(nn.Module):
    """Luong's "general" score and attentional vector.

        weights = softmax over s of query . (W_a source_s)      context = sum of weights_s source_s
        attended = tanh(W_c [context; query])

    Everything linear in the source is computed once per sentence: the keys W_a source_s, and as values the source times
    its part of W_c; the weighted mean of these values is W_c's product with the context.

    Args:
        query_dim: width of a query.
        source_dim: width of the source.
        dim: D, width of the result.
    """

    class Config(Options):
        """One read of the source per output symbol (Luong et al. 2015)."""

        kind: Literal["dot"] = "dot"

        def build(self, query_dim: int, source_dim: int, dim: int) -> DotAttention:
            """An attention with fresh weights."""
            return DotAttention(query_dim, source_dim, dim)

    def __init__(self, query_dim: int, source_dim: int, dim: int) -> None:
        super().__init__()
        self.key = nn.Linear(source_dim, query_dim, bias=False)
        self.value = nn.Linear(source_dim, dim, bias=False)
        self.query = nn.Linear(query_dim, dim, bias=False)

    def initialise(self, start: Uniform) -> None:
        """Draws the weights."""
        start.draw_linear(self.key, self.value, self.query)

    def project(self, source: Tensor) -> list[Tensor]:
        """Keys [B, S, query_dim] and values [B, S, D] of a source [B, S, source_dim]."""
        return [self.key(source), self.value(source)]

    def forward(self, query: Tensor, source: Sequence[Tensor], mask: Tensor) -> tuple[Tensor, Tensor]:
        """Args:
            query: [B, K, query_dim], K queries per sentence.
            source: keys and values, as from `project`.
            mask: [B, S] bool, True on real tokens.

        Returns:
            [B, K, D] and the weights [B, K, S], which sum to 1 and are 0 on padding.
        """
        keys, values = source
        scores = (query @ keys.transpose(1, 2)).float().masked_fill(~mask[:, None], -math.inf)
        weights = torch.softmax(scores, dim=-1).to(query.dtype)
        return torch.tanh(weights @ values + self.query(query)), weights
