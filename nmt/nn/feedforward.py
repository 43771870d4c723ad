"""The position-wise feed-forward block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from nmt.nn.dropout import Dropout

Activation = Literal["relu", "gelu", "swish"]

ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "relu": nn.functional.relu,
    "gelu": nn.functional.gelu,
    "swish": nn.functional.silu,
}


class FeedForward(nn.Module):
    """W2 dropout(activation(W1 x + b1)) + b2 (Vaswani et al. 2017, equation 2)."""

    def __init__(self, dim: int, inner_dim: int, activation: Activation, dropout: float) -> None:
        super().__init__()
        self.inner = nn.Linear(dim, inner_dim)
        self.outer = nn.Linear(inner_dim, dim)
        self.activation = ACTIVATIONS[activation]
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., D]. Returns [..., D]."""
        output: Tensor = self.outer(self.dropout(self.activation(self.inner(x))))
        return output
