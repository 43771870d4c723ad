"""Batch normalisation (Ioffe and Szegedy 2015) of padded sequences."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from nmt.nn.norm.base import Norm
from nmt.nn.norm.running import RunningStatistics
from nmt.options import Options, PositiveFloat


class BatchNorm(RunningStatistics, Norm):
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

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, config: Config, dim: int) -> None:
        super().__init__()
        self.momentum, self.epsilon = config.momentum, config.epsilon
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))
        self.register_buffer("running_mean", torch.zeros(dim))
        self.register_buffer("running_var", torch.ones(dim))
        self._sums: list[Tensor] = []
        """At most one item. A list, so that a twin of this module shares it and gathers for this one."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if not self.training:
            return self._normalized(x, self.running_mean, self.running_var).to(x.dtype)
        with torch.autocast(x.device.type, enabled=False):  # sums over many tokens need more than half precision
            wide = x.to(torch.promote_types(x.dtype, torch.float32)).flatten(0, -2)  # [N, D]
            counted = wide if mask is None else wide[mask.flatten()]  # [n, D]
            variance, mean = torch.var_mean(counted, dim=0, correction=0)
            self._gather(len(counted), mean.detach(), variance.detach())
            return self._normalized(wide, mean, variance).view_as(x).to(x.dtype)

    def _normalized(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return (x - mean) * (self.weight * torch.rsqrt(variance + self.epsilon)) + self.bias

    def _gather(self, count: int, mean: Tensor, variance: Tensor) -> None:
        """Adds [n, sum of x, sum of x^2], in double precision, to keep their difference accurate."""
        mean, variance = mean.double(), variance.double()
        sums = count * torch.cat([torch.ones_like(mean[:1]), mean, variance + mean.square()])
        self._sums[:] = [sum(self._sums, sums)]

    def statistics(self) -> dict[str, Tensor]:
        return {"running_mean": self.running_mean, "running_var": self.running_var}

    def take_sums(self) -> Tensor:
        nothing = torch.zeros(1 + 2 * len(self.running_mean), dtype=torch.float64, device=self.running_mean.device)
        sums = sum(self._sums, nothing)
        self._sums.clear()
        return sums

    def store(self, sums: Tensor) -> None:
        count, total, squares = sums[0], *sums[1:].chunk(2)
        if count > 1:  # one token has no variance
            mean = total / count
            variance = (squares / count - mean.square()).clamp_min(0.0) * (count / (count - 1))
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
            self.running_var.lerp_(variance.to(self.running_var.dtype), self.momentum)
