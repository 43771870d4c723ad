"""Assorted-time normalisation (Pospisil, Zadorozhnyy and Ye 2022, arXiv 2209.14439)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from nmt.nn.cells.norms.base import CellNormOptions, NormPast, Site, SiteNorm, chosen_sites
from nmt.options import PositiveFloat

_LONGEST_WINDOW = 10_000


@dataclass
class WindowPast(NormPast):
    """The statistics of the last steps, the newest last."""

    means: Tensor
    """[rows, window], the mean of each step's vector."""
    variances: Tensor
    """[rows, window], the variance of each step's vector."""
    real: Tensor
    """[rows, window] bool, False before the start of a sequence."""


class AssortedTimeNorm(SiteNorm):
    """weight * (x - mean) / sqrt(variance + epsilon) + bias, over the D values of the last steps up to this one.

    The statistics of a window follow exactly from those of its K steps, so only these are remembered:

        mean = sum of means / K        variance = sum of (variances + (means - mean)^2) / K
    """

    class Config(CellNormOptions):
        """Assorted-time normalisation: the vector of a step by the mean and variance of the last steps, which keeps
        changes of scale over time visible.
        """

        kind: Literal["assorted_time"] = "assorted_time"
        window: Annotated[int, Field(gt=0, le=_LONGEST_WINDOW)] = 25
        """Number of steps in the statistics, the present one included; 1 is layer normalisation."""
        sites: Annotated[tuple[Site, ...], Field(min_length=1)] | None = None
        """What to normalise: `ih` the product with the input, `hh` the product with the previous output, `c` the memory
        of an LSTM in its output. Null for all sites that the cell has, as published."""
        epsilon: PositiveFloat = 1e-5
        """Added to the variance."""

        def sites_of(self, offered: Sequence[Site]) -> Sequence[Site]:
            return chosen_sites(self.sites, offered)

        def build(self, dim: int) -> AssortedTimeNorm:
            """A norm of vectors of `dim` values."""
            return AssortedTimeNorm(self, dim)

    def __init__(self, config: Config, dim: int) -> None:
        super().__init__()
        self.window, self.epsilon = config.window, config.epsilon
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def begin(self, like: Tensor, rows: int) -> WindowPast:
        nothing = like.new_zeros(rows, self.window)
        return WindowPast(nothing, nothing, torch.zeros_like(nothing, dtype=torch.bool))

    def step(self, x: Tensor, past: NormPast, mask: Tensor | None) -> tuple[Tensor, NormPast]:
        assert isinstance(past, WindowPast)
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        variance, mean = torch.var_mean(wide, dim=-1, correction=0, keepdim=True)  # [rows, 1]
        real = torch.ones_like(past.real[:, :1])
        window = WindowPast(_shifted(past.means, mean), _shifted(past.variances, variance), _shifted(past.real, real))
        return self._normalized(wide, window).to(x.dtype), window

    def read(self, x: Tensor, mask: Tensor | None, past: NormPast) -> tuple[Tensor, NormPast]:
        return self._read(x, x.new_ones(x.shape[:2], dtype=torch.bool) if mask is None else mask, past)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """The norm of whole sequences [B, T, D]."""
        return self.read(x, mask, self.begin(x, len(x)))[0]

    def _read(self, x: Tensor, mask: Tensor, past: NormPast) -> tuple[Tensor, WindowPast]:
        """As `read`, for sequences with any past."""
        assert isinstance(past, WindowPast)
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        variances, means = (part.masked_fill(~mask, 0.0) for part in torch.var_mean(wide, dim=-1, correction=0))
        windows = WindowPast(  # [B, T, window], each ending at its position
            self._windows(past.means, means), self._windows(past.variances, variances), self._windows(past.real, mask)
        )
        normalized = self._normalized(wide, windows)
        positions = torch.arange(mask.shape[1], device=mask.device)
        last = torch.where(mask, positions, 0).amax(dim=1)[:, None, None].expand(-1, 1, self.window)
        return normalized.to(x.dtype), windows.map(lambda part: part.gather(1, last).squeeze(1))

    def _normalized(self, wide: Tensor, windows: WindowPast) -> Tensor:
        """The vectors [..., D] by the statistics of the windows, [..., window], that end with them."""
        count = windows.real.sum(dim=-1, keepdim=True).clamp(min=1)
        mean = windows.means.sum(dim=-1, keepdim=True) / count  # [..., 1]
        spread = windows.variances + (windows.means - mean).square()
        variance = spread.masked_fill(~windows.real, 0.0).sum(dim=-1, keepdim=True) / count
        return (wide - mean) * torch.rsqrt(variance + self.epsilon) * self.weight + self.bias

    def _windows(self, before: Tensor, now: Tensor) -> Tensor:
        """The last `window` entries at each of T positions, [B, T, window], from [B, window] and [B, T]."""
        return torch.cat([before, now], dim=1).unfold(1, self.window, 1)[:, 1:]


def _shifted(entries: Tensor, newest: Tensor) -> Tensor:
    """A window [rows, window] one step later, with a new entry [rows, 1]."""
    return torch.cat([entries[:, 1:], newest], dim=1)
