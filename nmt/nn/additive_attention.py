"""Attention by a feed-forward network with one hidden layer (Bahdanau et al. 2014; GNMT, equation 4)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nmt.nn.initial import Uniform
from nmt.nn.kernels.additive_scores import additive_scores


class AdditiveAttention(nn.Module):
    """softmax over s of v . tanh(W_q query + W_k source_s + b).

    Args:
        query_dim: width of a query.
        source_dim: width of the source.
        dim: A, width of the hidden layer.
    """

    def __init__(self, query_dim: int, source_dim: int, dim: int) -> None:
        super().__init__()
        self.query = nn.Linear(query_dim, dim)
        self.key = nn.Linear(source_dim, dim, bias=False)
        self.energy = nn.Linear(dim, 1, bias=False)

    def initialise(self, start: Uniform) -> None:
        """Draws the weights."""
        start.draw_linear(self.query, self.key, self.energy)

    def project(self, source: Tensor) -> Tensor:
        """The source's keys, computed once for all queries: [B, S, source_dim] to [B, S, A]."""
        keys: Tensor = self.key(source)
        return keys

    def forward(self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Args:
            query: [B, K, query_dim], K queries per sentence.
            keys: [B, S, A], as from `project`.
            values: [B, S, D], averaged into the contexts.
            mask: [B, S] bool, True on real tokens.

        Returns:
            [B, K, D] contexts and [B, K, S] weights, which sum to 1 and are 0 on padding.
        """
        # The gradients of a query's scores sum to zero; the query's gradient is what the tanh leaves of that sum, and
        # in bf16 it drowns in rounding. So everything here is in the precision of the weights.
        dtype = self.energy.weight.dtype
        with torch.autocast(query.device.type, enabled=False):
            queries, keys = self.query(query.to(dtype)), keys.to(dtype)
            scores = additive_scores(queries, keys, self.energy.weight)
            weights = torch.softmax(scores.float().masked_fill(~mask[:, None], -math.inf), dim=-1).to(dtype)
            return weights @ values.to(dtype), weights
