"""Attention of several heads to keys and values that are projected elsewhere, with normalised queries and keys.

H heads of width D/H. Normalised queries and keys have a Euclidean length of 1, and a learned factor per head takes the
place of 1/sqrt(D/H) ("Query-Key Normalization for Transformers", Henry et al. 2020).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nmt.nn.dropout import Dropout

CLOSED = -1e4
"""Bias of a key that must not be attended to: its weight is exactly 0 next to any key that may be. Unlike -inf, it
leaves finite numbers, which nobody reads, where there is no such key."""

_EPSILON = 1e-6


class HeadAttention(nn.Module):
    """softmax(a QK' + bias)V in each head; a is |scale|, a learned number per head, or 1/sqrt(D/H).

    Args:
        heads: H.
        dropout: dropout rate of the weights.
        normalized: whether queries and keys are normalised, and the factor is learned.
    """

    scale: nn.Parameter | None

    def __init__(self, heads: int, dropout: float, *, normalized: bool) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.register_parameter("scale", nn.Parameter(torch.ones(heads)) if normalized else None)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None = None) -> Tensor:
        """The context of each query.

        Args:
            queries: [..., T, H, D/H].
            keys: [..., S, H, D/H].
            values: [..., S, H, D/H].
            bias: added to the scores [..., H, T, S], broadcast.

        Returns:
            [..., T, D]
        """
        factor = queries.shape[-1] ** -0.5 if self.scale is None else self.scale.abs()[:, None]
        scores = (queries * factor).transpose(-3, -2) @ keys.transpose(-3, -2).mT
        if bias is not None:
            scores = scores + bias.to(scores.dtype)
        context: Tensor = self.dropout(torch.softmax(scores, dim=-1)) @ values.transpose(-3, -2)
        return context.transpose(-3, -2).flatten(-2)


def heads_of(projected: Tensor, parts: int, heads: int, *, normalized: bool) -> list[Tensor]:
    """Splits a projection into its parts and these into heads.

    Args:
        projected: [..., parts * D]: queries and keys, and last the values.
        parts: number of parts.
        heads: H.
        normalized: scale the queries and keys of each head to length 1.

    Returns:
        the parts, each [..., H, D/H].
    """
    found = projected.view(*projected.shape[:-1], parts, heads, -1)
    directions, values = found[..., :-1, :, :], found[..., -1, :, :]
    if normalized:
        directions = directions * torch.rsqrt(directions.square().sum(-1, keepdim=True) + _EPSILON)
    return [*directions.unbind(-3), values]


def initialise_blocks(*layers: nn.Linear) -> None:
    """Xavier uniform, each square of several projections in one matrix by itself."""
    for layer in layers:
        for block in torch.split(layer.weight, min(layer.weight.shape)):
            nn.init.xavier_uniform_(block)


def closed_bias(real: Tensor) -> Tensor:
    """Bias that closes keys: 0 where `real`, [..., S] bool, is True. Returns [..., 1, 1, S] for heads and queries."""
    return torch.zeros(real.shape, device=real.device).masked_fill_(~real, CLOSED)[..., None, None, :]
