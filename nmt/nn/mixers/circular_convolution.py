"""Dilated convolutions on a ring (Cheng et al. 2022, CDIL-CNN), which see all of a long sentence in few layers."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import AfterValidator
from torch import Tensor

from nmt.nn.dilation import dilation_of_layer, ring_windows, window_linear, windows
from nmt.nn.mixers.base import LayerShape, Mixer
from nmt.nn.mixers.options import MixerOptions
from nmt.options import Size, Width

Padding = Literal["circular", "zero"]
"""What a convolution sees beyond the ends of a sentence: its other end, or zeros."""


def _check_odd(kernel: int) -> int:
    if kernel % 2 == 0:
        raise ValueError(f"must be odd, since a window has as many frames before a position as after it; not {kernel}")
    return kernel


class CircularConvolution(Mixer):
    """relu(b + sum_m W_m x[(t + m d) mod n]) with m from -(k-1)/2 to (k-1)/2, weight-normalised, for n positions.

    The first and the last position are neighbours, so all positions are equivalent: what goes in rotated comes out
    rotated. With d = 2^layer, after L layers of kernel 3 a position has seen min(n, 2^(L+1) - 1) positions (section 3).
    Memory and time grow with the length of a sentence, not with its square.
    """

    class Config(MixerOptions):
        """Dilated convolution around the sentence (Cheng et al. 2022), in linear time; has no heads and no dropout.

        It knows no order but that of neighbours, first and last word included: add positions where order matters.
        """

        kind: Literal["circular_convolution"] = "circular_convolution"
        kernel: Annotated[Width, AfterValidator(_check_odd)] = 3
        """Positions that a layer sees: the position itself, and equally many on both sides. Odd."""
        dilation: Size | None = None
        """Distance between these positions; null: 1 in the first layer and twice as much in each next one."""
        padding: Padding = "circular"
        """What stands beyond the ends of a sentence: its other end (circular), or zeros (zero), with which the
        positions near an end differ from the others."""

        def build(self, shape: LayerShape) -> CircularConvolution:
            """An encoder's mixer with fresh weights; heads and dropout apply to attention only."""
            dilation = self.dilation or dilation_of_layer(shape.layer)
            return CircularConvolution(shape.dim, self.kernel, dilation, self.padding)

    def __init__(self, dim: int, kernel: int, dilation: int, padding: Padding) -> None:
        super().__init__()
        self.offsets = [dilation * tap for tap in range(-(kernel // 2), kernel // 2 + 1)]
        self.padding = padding
        self.linear = window_linear(dim, kernel)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        if self.padding == "circular":
            return torch.relu(self.linear(ring_windows(x, mask, self.offsets)))
        return torch.relu(self.linear(windows(x.masked_fill(~mask[:, :, None], 0.0), self.offsets)))
