"""Multi-head scaled dot-product attention from a target to its source (Vaswani et al. 2017, section 3.2).

H heads of width D/H.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nmt.nn.dropout import Dropout
from nmt.nn.kernels.attention import attend_to_source, attention_weights, split_heads
from nmt.nn.keys_values import KeysValues


class CrossAttention(nn.Module):
    """Attention to the source, whose keys and values are projected once per sentence."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, Dropout(dropout)
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.output = nn.Linear(dim, dim)
        initialise_projections(self.query, self.key_value, self.output)

    def project(self, source: Tensor) -> KeysValues:
        """Keys and values of a source [B, S, D]."""
        parts = [part.unflatten(-1, (self.heads, -1)) for part in self.key_value(source).chunk(2, dim=-1)]
        if not torch.is_grad_enabled():  # read at every step of a search
            parts = [part.contiguous() for part in parts]
        return KeysValues(*parts)

    def forward(
        self, x: Tensor, memory: KeysValues, mask: Tensor, *, need_attention: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Args:
            x: [B, T, D]; in a search step T counts the hypotheses of a sentence.
            memory: keys and values of the B sentences.
            mask: [B, 1, 1, S] bool, True on real source tokens.

        Returns:
            [B, T, D], and the attention averaged over heads, [B, T, S], if requested.
        """
        projected = self.query(x)
        context = attend_to_source(projected, memory.keys, memory.values, mask, self.dropout)
        weights = None
        if need_attention:
            queries = split_heads(projected, self.heads)
            weights = attention_weights(queries, memory.keys.transpose(1, 2), mask).mean(1)
        return self.output(context), weights


def check_heads(model_dim: int, heads: int, name: str = "heads") -> None:
    """Checks that each head has an equal share of a model's width.

    Raises:
        ValueError: it has not; names the option.
    """
    if model_dim % heads:
        raise ValueError(f"model_dim must be a multiple of {name}, but {model_dim} is not one of {heads}")


def initialise_projections(*projections: nn.Linear) -> None:
    """fairseq's initialisation: Xavier uniform per [D, D] block and zero biases.

    The gain is 1/sqrt(2), except 1 for the output projection, which comes last.
    """
    for projection in projections:
        nn.init.zeros_(projection.bias)
        gain = 1.0 if projection is projections[-1] else 1 / math.sqrt(2)
        for block in torch.split(projection.weight, projection.in_features):
            nn.init.xavier_uniform_(block, gain=gain)
