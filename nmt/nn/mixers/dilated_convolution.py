"""Causal dilated convolutions (Bai, Kolter and Koltun 2018, TCN), which decode at the same cost at any position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor

from nmt.nn.dilation import dilation_of_layer, window_linear, windows
from nmt.nn.keys_values import Slot
from nmt.nn.mixers.base import CausalMixer, LayerShape
from nmt.nn.mixers.options import CausalMixerOptions
from nmt.nn.past import Past
from nmt.options import Size, Width

_FIRST_ROOM = 16
"""Initial capacity of a past, in frames."""


@dataclass
class Frames(Past):
    """The frames that later windows need, as a ring: position p is at index p modulo the capacity."""

    by_sentence: ClassVar[bool] = False

    ring: Tensor
    """[N, capacity, D]; zero where no frame has been written."""
    position: int = 0
    """Number of frames written so far."""

    def descend(self, rows: Tensor, staying: Tensor | None, written: int) -> Self:
        return type(self)(self.ring.index_select(0, rows), self.position)


class DilatedConvolution(CausalMixer[Frames]):
    """relu(b + sum_m W_m x[t - m d]) with m from k-1 to 0, weight-normalised, zeros before the first position.

    With d = 2^layer, after L layers a position sees itself and (k-1)(2^L - 1) before it. This is the one convolution a
    layer that Cheng et al. 2022 compare with circular ones; Bai et al. have two, with dropout after each.
    """

    class Config(CausalMixerOptions):
        """Causal dilated convolution (Bai et al. 2018), in linear time; sees a limited past; has no heads, no dropout.

        A step costs the same at any position, but a search copies the last (kernel - 1) * dilation positions of each
        hypothesis.
        """

        kind: Literal["dilated_convolution"] = "dilated_convolution"
        kernel: Width = 3
        """Positions that a layer sees: the position itself and earlier ones."""
        dilation: Size | None = None
        """Distance between these positions; null: 1 in the first layer and twice as much in each next one."""

        def build_causal(self, shape: LayerShape) -> DilatedConvolution:
            """A decoder's mixer with fresh weights; heads and dropout apply to attention only."""
            return DilatedConvolution(shape.dim, self.kernel, self.dilation or dilation_of_layer(shape.layer))

    def __init__(self, dim: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.dim, self.reach = dim, (kernel - 1) * dilation
        self.offsets = range(-self.reach, 1, dilation)
        self.linear = window_linear(dim, kernel)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        # padding is on the right, so real positions do not see it anyway
        return torch.relu(self.linear(windows(x, self.offsets)))

    def begin(self, sentences: int, beam: int, like: Tensor) -> Frames:
        return Frames(like.new_zeros(sentences * beam, min(self.reach, _FIRST_ROOM), self.dim))

    def step(self, x: Tensor, past: Frames, slot: Slot) -> tuple[Tensor, Frames]:
        newest, ring, position = x.flatten(0, 1), self._with_room(past), past.position  # [N, D], [N, capacity, D]
        nothing = torch.zeros_like(newest)
        before = [position + offset for offset in self.offsets[:-1]]
        earlier = [ring[:, each % ring.shape[1]] if each >= 0 else nothing for each in before]
        output = torch.relu(self.linear(torch.cat([*earlier, newest], dim=-1)))
        if self.reach:
            ring[:, position % ring.shape[1]] = newest
        return output.view_as(x), Frames(ring, position + 1)

    def _with_room(self, past: Frames) -> Tensor:
        """The ring with room for one more frame; it doubles while it is full and shorter than the reach."""
        capacity = past.ring.shape[1]
        if past.position < capacity or capacity == self.reach:
            return past.ring
        more = min(2 * capacity, self.reach) - capacity
        return torch.nn.functional.pad(past.ring, (0, 0, 0, more))
