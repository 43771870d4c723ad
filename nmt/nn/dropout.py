"""Dropout with random bits drawn in bulk.

On a CPU, `torch.nn.functional.dropout` draws one Bernoulli variable at a time from a sequential generator, which costs
more than the matrix products of a small model. Here one 64-bit word gives four 16-bit uniforms.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

_LEVELS = 1 << 16


class Dropout(nn.Module):
    """Zeroes each element with probability `p` in training and scales the rest by 1/(1-p) (Srivastava et al. 2014).

    On a CPU `p` is rounded to a multiple of 2^-16, and the scale is that of the rounded value, so the expectation is
    exact. All draws come from torch's default generator, so `torch.manual_seed` determines them.
    """

    fresh: ClassVar[bool] = True
    """Whether each call draws a new mask."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def __call__(self, x: Tensor) -> Tensor:
        """As `forward`, but skips nn.Module's hook handling when there is nothing to drop."""
        if not self.training:
            return x
        dropped: Tensor = super().__call__(x)
        return dropped

    def forward(self, x: Tensor) -> Tensor:
        """x: any shape and floating dtype. Returns a tensor of the same shape and dtype."""
        if not self.training or self.p == 0.0:
            return x
        if x.device.type != "cpu":
            return nn.functional.dropout(x, self.p)
        return x * keep_mask(x, self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


def keep_mask(x: Tensor, p: float) -> Tensor:
    """Independent draws, 0 with probability p and 1/(1-p) otherwise, with x's shape and dtype."""
    count = x.numel()
    words = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(1 << 63), None)
    uniform = words.view(torch.int16)[:count].view(x.shape)  # uniform over [-2^15, 2^15)
    dropped = min(round(p * _LEVELS), _LEVELS - 1)
    mask = torch.empty(x.shape, dtype=x.dtype)
    torch.ge(uniform, dropped - _LEVELS // 2, out=mask)  # directly as floats: saves a pass over a bool tensor
    return mask.mul_(_LEVELS / (_LEVELS - dropped))
