"""Gated convolutions over time (Dauphin et al. 2016, equation 1), as matrix products over windows of frames."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from nmt.nn.weight_norm import WeightNormLinear

R = math.sqrt(0.5)
"""Preserves the variance of the sum of two independent signals."""
Gate = Literal["glu", "gtu", "bilinear", "linear"]
"""What becomes of the halves A and B of a convolution's result (Dauphin et al. 2016): glu A * sigmoid(B), gtu
tanh(A) * sigmoid(B), bilinear A * B. linear has no second half: A."""


class GatedConvolution(nn.Module):
    """A * sigmoid(B), or another gate, where [A; B] is a weight-normalised convolution of x.

    The weight is that of a linear layer over windows of `kernel` frames, [2 outputs, kernel * inputs], the newest frame
    last. So weight norm, quantisation and single steps need no code of their own for convolutions.

    Args:
        inputs: channels of x.
        outputs: channels of the result.
        kernel: number of frames that a result sees.
        dropout: rate of the dropout applied to x. It only sets the initial scale, which compensates for dropout and
            gate: N(0, g (1 - dropout) / (kernel * inputs)), with g = 4 for the two gates with a sigmoid, else 1.
        gate: its kind.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, dropout: float, gate: Gate = "glu") -> None:
        super().__init__()
        self.inputs, self.kernel, self.gate = inputs, kernel, gate
        gain = 4 if gate in ("glu", "gtu") else 1  # a sigmoid of values about 0 halves
        std = math.sqrt(gain * (1 - dropout) / (kernel * inputs))
        self.linear = WeightNormLinear(kernel * inputs, outputs if gate == "linear" else 2 * outputs, std)

    def forward(self, x: Tensor, *, causal: bool) -> Tensor:
        """Args:
            x: [B, T, inputs]; padded with zeros on both sides.
            causal: whether a result sees its own frame and those before it only; otherwise it sees equally many on both
                sides (with an even kernel, one more after it).

        Returns:
            [B, T, outputs]
        """
        length = x.shape[1]
        before = self.kernel - 1 if causal else (self.kernel - 1) // 2
        padded = nn.functional.pad(x, (0, 0, before, self.kernel - 1 - before))
        return self._gated(torch.cat([padded[:, tap : tap + length] for tap in range(self.kernel)], dim=-1))

    def step(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """The causal convolution for one more frame.

        Args:
            x: [N, inputs], the newest frame.
            past: [N, kernel - 1, inputs], the frames before it.

        Returns:
            [N, outputs], and the frames that the next step needs.
        """
        window = torch.cat([past, x[:, None]], dim=1)
        return self._gated(window.flatten(1)), window[:, 1:]

    def empty(self, like: Tensor, rows: int) -> Tensor:
        """The past of `rows` sequences before their first frame: zeros with the dtype and device of `like`."""
        return like.new_zeros(rows, self.kernel - 1, self.inputs)

    def _gated(self, windows: Tensor) -> Tensor:
        x: Tensor = self.linear(windows)
        if self.gate == "glu":
            return nn.functional.glu(x, dim=-1)
        if self.gate == "linear":
            return x
        a, b = x.chunk(2, dim=-1)
        return torch.tanh(a) * torch.sigmoid(b) if self.gate == "gtu" else a * b
