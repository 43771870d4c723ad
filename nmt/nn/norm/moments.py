"""Count, sum and sum of squares of vectors: they add up over micro-batches and processes."""

from __future__ import annotations

import torch
from torch import Tensor

from nmt.nn.norm.running import RunningStatistics


def sums_of(count: int | Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """[..., 1 + 2 D] float64, to keep the difference of the two sums accurate.

    Args:
        count: vectors that were averaged; [..., 1] if a tensor.
        mean: [..., D].
        variance: [..., D], the biased one.
    """
    mean, variance = mean.double(), variance.double()
    return count * torch.cat([torch.ones_like(mean[..., :1]), mean, variance + mean.square()], dim=-1)


def moments_of(sums: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Count [..., 1], mean and unbiased variance [..., D] of sums; those of a count below 2 are undefined."""
    count = sums[..., :1]
    total, squares = sums[..., 1:].chunk(2, dim=-1)
    mean = total / count
    variance = (squares / count - mean.square()).clamp_min(0.0) * (count / (count - 1))
    return count, mean, variance


class PooledStatistics(RunningStatistics):
    """Running mean and variance of each of D features, over all tokens.

    Args:
        dim: D.
        momentum: weight of an update in the running statistics.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, dim: int, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("running_mean", torch.zeros(dim))
        self.register_buffer("running_var", torch.ones(dim))
        self._sums: list[Tensor] = []
        """At most one item. A list, so that a twin of this module shares it and gathers for this one."""

    def gather(self, count: int, mean: Tensor, variance: Tensor) -> None:
        """Adds the statistics of `count` tokens, as for `sums_of`."""
        self._sums[:] = [sum(self._sums, sums_of(count, mean.detach(), variance.detach()))]

    def statistics(self) -> dict[str, Tensor]:
        return {"running_mean": self.running_mean, "running_var": self.running_var}

    def take_sums(self) -> Tensor:
        nothing = torch.zeros(1 + 2 * len(self.running_mean), dtype=torch.float64, device=self.running_mean.device)
        sums = sum(self._sums, nothing)
        self._sums.clear()
        return sums

    def store(self, sums: Tensor) -> None:
        count, mean, variance = moments_of(sums)
        if count > 1:  # one token has no variance
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
            self.running_var.lerp_(variance.to(self.running_var.dtype), self.momentum)
