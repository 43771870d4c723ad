"""Batch normalisation (Ioffe and Szegedy 2015) of padded sequences."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from nmt.nn.norm.base import Norm
from nmt.nn.norm.moments import PooledStatistics
from nmt.options import Options, PositiveFloat


class BatchNorm(PooledStatistics, Norm):
    """weight * (x - mean) / sqrt(variance + epsilon) + bias, with a mean and a variance for each of the D features.

    In training these are taken over the real tokens of the micro-batch, with the biased variance:

        mean = sum of x / n    variance = sum of (x - mean)^2 / n

    Inference uses stored ones, so a sentence's result does not depend on others. Each update moves the stored ones
    towards those of all n tokens that it read, in all its micro-batches and processes:

        stored mean <- (1 - momentum) stored mean + momentum mean
        stored variance <- (1 - momentum) stored variance + momentum variance n / (n - 1)
    """

    class Config(Options):
        """Batch normalisation: each feature by its mean and variance over the batch's tokens; by stored ones in
        inference.
        """

        kind: Literal["batch"] = "batch"
        momentum: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1
        """Weight of each update's statistics in the running ones that inference uses."""
        epsilon: PositiveFloat = 1e-5
        """Added to the variance."""

        def build(self, dim: int) -> BatchNorm:
            """A norm of vectors of `dim` values."""
            return BatchNorm(self, dim)

    def __init__(self, config: Config, dim: int) -> None:
        super().__init__(dim, config.momentum)
        self.epsilon = config.epsilon
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if not self.training:
            return self._normalized(x, self.running_mean, self.running_var).to(x.dtype)
        with torch.autocast(x.device.type, enabled=False):  # sums over many tokens need more than half precision
            wide = x.to(torch.promote_types(x.dtype, torch.float32)).flatten(0, -2)  # [N, D]
            counted = wide if mask is None else wide[mask.flatten()]  # [n, D]
            variance, mean = torch.var_mean(counted, dim=0, correction=0)
            self.gather(len(counted), mean, variance)
            return self._normalized(wide, mean, variance).view_as(x).to(x.dtype)

    def _normalized(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return (x - mean) * (self.weight * torch.rsqrt(variance + self.epsilon)) + self.bias
