"""Layer normalisation (Ba, Kiros and Hinton 2016): each vector by its own mean and variance."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from nmt.nn.kernels.normalized_sum import EPSILON, normalized_sum
from nmt.nn.norm.base import Norm
from nmt.options import Options


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
