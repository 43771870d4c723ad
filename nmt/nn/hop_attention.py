"""Attention that reads the source several times per query (hops of Sukhbaatar et al. 2015 over an encoder's output)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from nmt.nn.hops import Carry, HopTying, memory_softmax, tables, views
from nmt.nn.initial import Uniform
from nmt.nn.layers import Layers
from nmt.options import LayerCount, Options


class HopAttention(nn.Module):
    """Hops, then Luong's attentional vector.

        p = softmax over s of u . key_s      o = sum of p_s value_s      u <- H u + o
        attended = tanh(W_u u + W_q query)

    u starts as the query, at each output symbol anew. Keys and values are projections of the source, computed once per
    sentence. With one hop and without residual this is Luong's attention, whose W_a projects the keys and whose W_c is
    W_u times the projection of the values, beside W_q.

    Args:
        config: its options.
        query_dim: width of a query.
        source_dim: width of the source.
        dim: D, width of the result.
    """

    class Config(Options):
        """Several reads of the source per output symbol; each adds what it finds to the query of the next."""

        kind: Literal["hops"] = "hops"
        hops: LayerCount = 3
        """Reads per output symbol. Each takes as long as one of `dot`."""
        tying: HopTying = "layer_wise"
        """Sharing between hops: layer_wise, all read the same projections of the source, and the query is multiplied by
        a matrix H between them; adjacent, the values of a hop are the keys of the next, so there are hops + 1
        projections and no H."""
        residual: bool = True
        """Add what is read to the query, as published; false: it replaces the query, and there is no H."""
        scaled: bool = True
        """Divide scores by the square root of the query's width, as in a Transformer: queries grow from hop to hop.
        False as published."""
        reported: Literal["last", "mean"] = "last"
        """The attention that a search sees (coverage penalty, alignments): the last hop's, or the mean over hops."""

        def build(self, query_dim: int, source_dim: int, dim: int) -> HopAttention:
            """An attention with fresh weights."""
            return HopAttention(self, query_dim, source_dim, dim)

    def __init__(self, config: Config, query_dim: int, source_dim: int, dim: int) -> None:
        super().__init__()
        self.views = views(config.tying, config.hops)
        self.scale = 1 / math.sqrt(query_dim) if config.scaled else 1.0
        self.reports_mean = config.reported == "mean"
        count = tables(config.tying, config.hops)
        self.projections = Layers(nn.Linear(source_dim, query_dim, bias=False) for _ in range(count))
        self.carry = Carry(config.tying, query_dim, query_dim**-0.5) if config.residual else None
        self.read = nn.Linear(query_dim, dim, bias=False)
        self.query = nn.Linear(query_dim, dim, bias=False)

    def initialise(self, start: Uniform) -> None:
        """Draws the weights."""
        start.draw_linear(*self.projections, self.read, self.query)
        if self.carry is not None and self.carry.projection is not None:
            start.draw_linear(self.carry.projection)

    def project(self, source: Tensor) -> list[Tensor]:
        """The views of a source [B, S, source_dim] that hops read: [B, S, query_dim] each."""
        return [projection(source) for projection in self.projections]

    def forward(self, query: Tensor, source: Sequence[Tensor], mask: Tensor) -> tuple[Tensor, Tensor]:
        """Args:
            query: [B, K, query_dim], K queries per sentence.
            source: the views, as from `project`.
            mask: [B, S] bool, True on real tokens.

        Returns:
            [B, K, D] and the reported weights [B, K, S], which sum to 1 and are 0 on padding.
        """
        reader, found = query, []
        for key, value in self.views:
            found.append(memory_softmax(reader @ source[key].mT * self.scale, mask[:, None]))
            read = found[-1] @ source[value]
            reader = read if self.carry is None else self.carry(reader) + read
        weights = torch.stack(found).mean(0) if self.reports_mean else found[-1]
        return torch.tanh(self.read(reader) + self.query(query)), weights.to(query.dtype)
