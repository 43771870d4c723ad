"""Long short-term memory (Hochreiter & Schmidhuber 1997, with forget gates), as GNMT has it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from nmt.nn.cells.base import Cell, CellState
from nmt.options import NonNegativeFloat, Options


class LSTM(Cell):
    """State (m, c) of output and memory; input, forget, candidate and output gates stacked in this order.

        i, f, o = sigmoid(W x + U m + b)    g = tanh(W x + U m + b)
        c' = f * c + i * g                  m' = o * tanh(c')

    A limit clips c' before m' is made of it, so that |m'| stays within it too.
    """

    class Config(Options):
        """Long short-term memory."""

        kind: Literal["lstm"] = "lstm"
        forget_bias: NonNegativeFloat = 1.0
        """What the bias of the forget gate starts from; above 0 the memory is kept at first."""
        output_tanh: bool = True
        """Squash the memory on its way out, m = o * tanh(c); false is GNMT's equation as printed, m = o * c, which goes
        with `clipping`."""

        def build(self, inputs: int, width: int) -> LSTM:
            """A layer with fresh weights."""
            return LSTM(self, inputs, width)

    def __init__(self, config: Config, inputs: int, width: int) -> None:
        super().__init__(inputs, width)
        self.output_tanh = config.output_tanh
        self.input = nn.Linear(inputs, 4 * width)
        self.recurrent = nn.Linear(width, 4 * width, bias=False)
        nn.init.zeros_(self.input.bias)
        with torch.no_grad():
            self.input.bias[width : 2 * width] = config.forget_bias

    def empty(self, like: Tensor, rows: int) -> CellState:
        return like.new_zeros(rows, self.width), like.new_zeros(rows, self.width)

    def project(self, x: Tensor) -> Tensor:
        gates: Tensor = self.input(x)
        return gates

    def advance(self, projected: Tensor, state: CellState, limit: Tensor | None = None) -> CellState:
        output, memory = state
        i, f, g, o = (projected + self.recurrent(output)).chunk(4, dim=-1)
        memory = torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(g)
        if limit is not None:
            memory = memory.clamp(-limit, limit)
        return torch.sigmoid(o) * (torch.tanh(memory) if self.output_tanh else memory), memory

    def forward(self, x: Tensor, limit: Tensor | None = None) -> Tensor:
        if limit is not None or not self.output_tanh:  # no fused kernel does either
            return super().forward(x, limit)
        empty = x.new_zeros(1, x.shape[0], self.width)
        bias = self.input.bias
        weights = [self.input.weight, self.recurrent.weight, bias, torch.zeros_like(bias)]
        # `train` also makes the kernel keep what a backward pass needs, so it follows autograd and not `.train()`
        outputs, _, _ = torch.lstm(
            x,
            (empty, empty),
            weights,
            has_biases=True,
            num_layers=1,
            dropout=0.0,
            train=torch.is_grad_enabled(),
            bidirectional=False,
            batch_first=True,
        )
        return outputs
