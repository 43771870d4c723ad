"""Batch normalisation with statistics for each time step (Cooijmans et al. 2016, arXiv 1603.09025)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from nmt.nn.cells.norms.base import NormPast, SiteNorm
from nmt.nn.norm.moments import moments_of, sums_of
from nmt.nn.norm.running import RunningStatistics


@dataclass(frozen=True)
class Pool:
    """Statistics of all real vectors of a batch so far, merged step by step (Chan et al. 1979)."""

    steps: int
    """Number of steps so far."""
    count: Tensor
    """[], number of vectors, a float."""
    mean: Tensor
    """[D]"""
    deviations: Tensor
    """[D], sums of squared deviations from the mean."""

    def with_step(self, count: Tensor, mean: Tensor, deviations: Tensor) -> Pool:
        """The pool after another step, whose statistics are given; its count may be 0."""
        total = (self.count + count).clamp_min(1.0)
        apart = mean - self.mean
        return Pool(
            self.steps + 1,
            self.count + count,
            self.mean + apart * (count / total),
            self.deviations + deviations + apart.square() * (self.count * count / total),
        )

    @property
    def variance(self) -> Tensor:
        """[D], the biased variance."""
        return self.deviations / self.count.clamp_min(1.0)


@dataclass
class StepPast(NormPast):
    """The number of steps, and in training what the batch has shown so far."""

    steps: Tensor
    """[rows] int64, number of steps that each sequence has taken."""
    pool: Pool
    """Common to all rows; only training changes it."""


class StepBatchNorm(RunningStatistics, SiteNorm):
    """weight * (x - mean) / sqrt(variance + epsilon) + bias, with statistics of each feature for each time step.

    In training, step t is normalised by the mean and the biased variance of its rows in the micro-batch. If fewer than
    `least_rows` sequences are that long, the rows of all steps up to t are pooled instead.

    Inference uses stored statistics of step min(t, `most_steps`), or of the last step that training has reached. Each
    update moves those of the steps that it reached. The same rule applies to the rows of the whole update, from all
    micro-batches and processes: the rows of a step, or those of all steps up to it if there are fewer than
    `least_rows`, with the unbiased variance. The last stored step takes the rows of all later ones too. A step's first
    update sets its statistics, later ones move them:

        sum <- (1 - momentum) sum + momentum statistic      weight <- (1 - momentum) weight + momentum
        stored statistic = sum / weight

    Both are stored, so that averages over models give each model the weight that it deserves.

    Args:
        dim: D.
        momentum: weight of an update in the stored statistics.
        epsilon: added to the variance.
        most_steps: number of steps with statistics of their own.
        least_rows: rows of a step that suffice for statistics of their own; at least 2.
    """

    aligned: ClassVar[bool] = True

    running_mean: Tensor
    running_var: Tensor
    running_weight: Tensor

    def __init__(self, dim: int, *, momentum: float, epsilon: float, most_steps: int, least_rows: int) -> None:
        super().__init__()
        self.momentum, self.epsilon, self.least_rows = momentum, epsilon, least_rows
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))
        self.register_buffer("running_mean", torch.zeros(most_steps, dim))
        self.register_buffer("running_var", torch.zeros(most_steps, dim))
        self.register_buffer("running_weight", torch.zeros(most_steps, 1))
        self._sums: list[Tensor] = []
        """At most one item, [most_steps, 1 + 2 D]. A list, so that a twin of this module shares it."""

    def begin(self, like: Tensor, rows: int) -> StepPast:
        zeros = like.new_zeros(len(self.weight), dtype=torch.promote_types(like.dtype, torch.float32))
        return StepPast(like.new_zeros(rows, dtype=torch.int64), Pool(0, zeros.new_zeros(()), zeros, zeros))

    def step(self, x: Tensor, past: NormPast, mask: Tensor | None) -> tuple[Tensor, NormPast]:
        """As for `SiteNorm`; in training all rows that count have taken the same number of steps."""
        assert isinstance(past, StepPast)
        with torch.autocast(x.device.type, enabled=False):
            wide = x.to(torch.promote_types(x.dtype, torch.float32))
            if self.training:
                mean, variance, pool = self._of_batch(wide, mask, past.pool)
            else:
                (mean, variance), pool = self._stored(past.steps), past.pool
            normalized = (wide - mean) * (self.weight * torch.rsqrt(variance + self.epsilon)) + self.bias
        return normalized.to(x.dtype), StepPast(past.steps + 1, pool)

    def read(self, x: Tensor, mask: Tensor | None, past: NormPast) -> tuple[Tensor, NormPast]:
        """As for `SiteNorm`; in training padding is only behind the sequences."""
        outputs = []
        for position, vectors in enumerate(x.unbind(1)):
            real = None if mask is None else mask[:, position]
            normalized, after = self.step(vectors, past, real)
            past = after if real is None else after.where(real, past)
            outputs.append(normalized)
        return torch.stack(outputs, dim=1), past

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """The norm of whole sequences [B, T, D]."""
        return self.read(x, mask, self.begin(x, len(x)))[0]

    def _of_batch(self, x: Tensor, mask: Tensor | None, pool: Pool) -> tuple[Tensor, Tensor, Pool]:
        """Mean and variance [D] of a step in training, and the pool after it."""
        padding = x.new_zeros(len(x), 1, dtype=torch.bool) if mask is None else ~mask[:, None]
        count = (~padding).sum(dtype=x.dtype)
        rows = count.clamp_min(1.0)
        mean = x.masked_fill(padding, 0.0).sum(dim=0) / rows
        deviations = (x - mean).masked_fill(padding, 0.0).square().sum(dim=0)
        self._gather(pool.steps, count, mean.detach(), deviations.detach() / rows)
        pool = pool.with_step(count, mean, deviations)
        enough = count >= self.least_rows
        return torch.where(enough, mean, pool.mean), torch.where(enough, deviations / rows, pool.variance), pool

    def _stored(self, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance [rows, D] in inference after so many steps [rows]; 0 and 1 if nothing is stored."""
        seen, slots = self.running_weight.squeeze(1) > 0.0, torch.arange(len(self.running_weight), device=steps.device)
        first, last = slots.masked_fill(~seen, len(slots) - 1).amin(), slots.masked_fill(~seen, 0).amax()
        slot = steps.maximum(first).minimum(last)
        weight = self.running_weight[slot]
        known, divisor = weight > 0.0, weight.masked_fill(weight == 0.0, 1.0)
        return self.running_mean[slot] / divisor, torch.where(known, self.running_var[slot] / divisor, 1.0)

    def _gather(self, step: int, count: Tensor, mean: Tensor, variance: Tensor) -> None:
        if not self._sums:
            self._sums.append(self._no_sums())
        self._sums[0][min(step, len(self.running_mean) - 1)] += sums_of(count, mean, variance)

    def _no_sums(self) -> Tensor:
        most_steps, dim = self.running_mean.shape
        return self.running_mean.new_zeros(most_steps, 1 + 2 * dim, dtype=torch.float64)

    def statistics(self) -> dict[str, Tensor]:
        return {
            "running_mean": self.running_mean,
            "running_var": self.running_var,
            "running_weight": self.running_weight,
        }

    def take_sums(self) -> Tensor:
        return (self._sums.pop() if self._sums else self._no_sums()).flatten()

    def store(self, sums: Tensor) -> None:
        steps = sums.view(len(self.running_mean), -1)
        count, mean, variance = moments_of(steps)
        pooled, pool_mean, pool_variance = moments_of(steps.cumsum(dim=0))
        enough = count >= self.least_rows
        reached = (count > 0) & (pooled > 1)  # one vector has no variance
        values = (torch.where(enough, mean, pool_mean), torch.where(enough, variance, pool_variance))
        share = (self.momentum * reached).to(self.running_mean.dtype)
        for running, value in zip((self.running_mean, self.running_var), values, strict=True):
            running.lerp_(value.masked_fill(~reached, 0.0).to(running.dtype), share)
        self.running_weight.lerp_(torch.ones_like(self.running_weight), share)
