"""The simple recurrent layer (Elman 1990), with which Chung et al. 2014 compare gated ones."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from nmt.nn.cells.base import CellState, plain
from nmt.nn.cells.output_cell import OutputCell, outputs_of
from nmt.nn.clipping import AnnealedLimit
from nmt.nn.initial import Uniform
from nmt.options import Options


class TanhCell(OutputCell):
    """h' = tanh(W x + U h + b). A limit clips h'."""

    class Config(Options):
        """Simple recurrent layer without gates."""

        kind: Literal["tanh"] = "tanh"

        def build(self, inputs: int, width: int, limit: AnnealedLimit | None = None) -> TanhCell:
            """A layer with fresh weights."""
            return TanhCell(inputs, width, limit)

    def __init__(self, inputs: int, width: int, limit: AnnealedLimit | None) -> None:
        super().__init__(inputs, width, width, limit)
        self.input = nn.Linear(inputs, width)
        self.recurrent = nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.input.bias)

    def initialise(self, start: Uniform) -> None:
        start.draw_linear(self.input, self.recurrent)

    def project(self, x: Tensor) -> Tensor:
        projected: Tensor = self.input(x)
        return projected

    def advance(self, projected: Tensor, state: CellState) -> CellState:
        return CellState(self.bounded(torch.tanh(projected + self.recurrent(state.output))))

    def fusible(self) -> bool:
        return self.limit is None and plain(self.input, self.recurrent)

    def fused(self, x: Tensor) -> Tensor:
        return outputs_of(torch.rnn_tanh, x, self.input, self.recurrent, torch.zeros_like(self.input.bias))
