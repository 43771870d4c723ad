"""Gated recurrent units (Cho et al. 2014), as Chung et al. 2014 compare them, and as cuDNN computes them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from nmt.nn.cells.base import AnyCell, CellState, plain
from nmt.nn.cells.output_cell import OutputCell, outputs_of
from nmt.nn.clipping import AnnealedLimit
from nmt.nn.initial import Uniform
from nmt.options import Options


class GRU(OutputCell):
    """Reset gate, update gate and candidate, whose inputs are stacked in this order (Chung et al. 2014, section 3.2).

        r, z = sigmoid(W x + U h + b)       n = tanh(W x + U (r * h) + b)       h' = (1 - z) h + z n

    A limit clips h'.
    """

    class Config(Options):
        """Gated recurrent unit."""

        kind: Literal["gru"] = "gru"
        reset_after: bool = False
        """Reset what the recurrent product gives, as cuDNN and torch do, and not what it is made of. The update gate
        then says how much is kept, and a fused kernel reads whole sequences."""

        def build(self, inputs: int, width: int, limit: AnnealedLimit | None = None) -> AnyCell:
            """A layer with fresh weights."""
            return (ResetAfterGRU if self.reset_after else GRU)(inputs, width, limit)

    def __init__(self, inputs: int, width: int, limit: AnnealedLimit | None) -> None:
        super().__init__(inputs, width, 3 * width, limit)
        self.input = nn.Linear(inputs, 3 * width)
        self.recurrent = nn.Linear(width, 2 * width, bias=False)
        self.candidate = nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.input.bias)

    def initialise(self, start: Uniform) -> None:
        start.draw_linear(self.input, self.recurrent, self.candidate)

    def project(self, x: Tensor) -> Tensor:
        gates: Tensor = self.input(x)
        return gates

    def advance(self, projected: Tensor, state: CellState) -> CellState:
        gates, new = projected[:, : 2 * self.width], projected[:, 2 * self.width :]
        r, z = torch.sigmoid(gates + self.recurrent(state.output)).chunk(2, dim=-1)
        n = torch.tanh(new + self.candidate(r * state.output))
        return CellState(self.bounded(state.output + z * (n - state.output)))


class ResetAfterGRU(OutputCell):
    """The same gates and candidate, as in cuDNN and in torch's GRU.

        r, z = sigmoid(W x + U h + b)       n = tanh(W x + b + r * (U h + b'))       h' = (1 - z) n + z h

    A limit clips h'.
    """

    def __init__(self, inputs: int, width: int, limit: AnnealedLimit | None) -> None:
        super().__init__(inputs, width, 3 * width, limit)
        self.input = nn.Linear(inputs, 3 * width)
        self.recurrent = nn.Linear(width, 3 * width, bias=False)
        self.recurrent_bias = nn.Parameter(torch.zeros(width))  # of the candidate alone: in the gates it would be b's
        nn.init.zeros_(self.input.bias)

    def initialise(self, start: Uniform) -> None:
        start.draw_linear(self.input, self.recurrent)
        nn.init.zeros_(self.recurrent_bias)
        start.shift(self.recurrent_bias)

    def project(self, x: Tensor) -> Tensor:
        gates: Tensor = self.input(x)
        return gates

    def advance(self, projected: Tensor, state: CellState) -> CellState:
        recurrent, gates = self.recurrent(state.output), 2 * self.width
        r, z = torch.sigmoid(projected[:, :gates] + recurrent[:, :gates]).chunk(2, dim=-1)
        n = torch.tanh(projected[:, gates:] + r * (recurrent[:, gates:] + self.recurrent_bias))
        return CellState(self.bounded(n + z * (state.output - n)))

    def fusible(self) -> bool:
        return self.limit is None and plain(self.input, self.recurrent)

    def fused(self, x: Tensor) -> Tensor:
        bias = torch.cat([self.recurrent_bias.new_zeros(2 * self.width), self.recurrent_bias])
        return outputs_of(torch.gru, x, self.input, self.recurrent, bias)
