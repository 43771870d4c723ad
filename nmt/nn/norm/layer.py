"""Layer normalisation (Ba, Kiros and Hinton 2016), each vector by its own mean and variance."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from nmt.nn import native
from nmt.nn.norm.base import Norm
from nmt.options import Options

EPSILON = 1e-5
"""Added to the variance."""


class LayerNorm(Norm):
    """weight * (x - mean(x)) / sqrt(var(x) + epsilon) + bias, over the D values of a vector."""

    class Config(Options):
        """Layer normalisation: each vector by its own mean and variance."""

        kind: Literal["layer"] = "layer"

        def build(self, dim: int) -> LayerNorm:
            """A norm of vectors of `dim` values."""
            return LayerNorm(dim)

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return nn.functional.layer_norm(x, x.shape[-1:], self.weight, self.bias, EPSILON)

    def of_sum(self, x: Tensor, update: Tensor, mask: Tensor | None) -> Tensor:
        return normalized_sum(x, update, self.weight, self.bias)


def normalized_sum(x: Tensor, update: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """Layer normalisation of x + update, both [..., D]; weight and bias [D], or neither."""
    parameters = () if weight is None or bias is None else (weight, bias)
    if x.shape == update.shape and x.numel() and native.applies(x, update, *parameters):
        return native.add_and_normalize(x, update, weight, bias, EPSILON)
    return nn.functional.layer_norm(x + update, x.shape[-1:], weight, bias, EPSILON)
