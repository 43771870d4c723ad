"""Multi-head scaled dot-product attention of a target to its source (Vaswani et al. 2017, section 3.2).

H heads of D/H each.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nmt.nn.dropout import Dropout
from nmt.nn.kernels.attention import attend_to_source, attention_weights, split_heads
from nmt.nn.keys_values import KeysValues


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
        context = attend_to_source(projected, memory.keys, memory.values, mask, self.dropout)
        weights = None
        if need_attention:
            queries = split_heads(projected, self.heads)
            weights = attention_weights(queries, memory.keys.transpose(1, 2), mask).mean(1)
        return self.output(context), weights


def initialise_projections(*projections: nn.Linear) -> None:
    """fairseq's initialisation: Xavier uniform per [D, D] block, gain 1/sqrt(2) but for the output; zero biases.

    The output projection comes last.
    """
    for projection in projections:
        nn.init.zeros_(projection.bias)
        gain = 1.0 if projection is projections[-1] else 1 / math.sqrt(2)
        for block in torch.split(projection.weight, projection.in_features):
            nn.init.xavier_uniform_(block, gain=gain)
