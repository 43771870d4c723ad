"""A cell whose state has tensors of several ranks, as those that are to come have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from nmt.nn.cells import Cell, CellState
from nmt.nn.cells.base import input_product
from nmt.nn.cells.norms import CellNorms, NormStep
from nmt.nn.cells.options import CellOptions
from nmt.nn.clipping import AnnealedLimit
from nmt.nn.initial import Uniform

KEPT = 3


@dataclass
class TraceState(CellState):
    """The last outputs."""

    trace: Tensor
    """[rows, KEPT, width], the newest first."""


class TraceCell(Cell[TraceState]):
    """h' = tanh(W x + U [h; the one before; the one before that] + b)."""

    class Config(CellOptions):
        """No options."""

        kind: Literal["trace"] = "trace"

        def build(self, inputs: int, width: int, limit: AnnealedLimit | None = None) -> TraceCell:
            return TraceCell(self, inputs, width, limit)

    def __init__(self, config: Config, inputs: int, width: int, limit: AnnealedLimit | None) -> None:
        super().__init__(inputs, width, width, CellNorms(config.norm, {"ih": (width,), "hh": (width,)}), limit)
        self.input, self.recurrent = (
            input_product(inputs, width, self.norms),
            nn.Linear(KEPT * width, width, bias=False),
        )

    def initialise(self, start: Uniform) -> None:
        start.draw_linear(self.input, self.recurrent)
        self.norms.initialise(start)

    def empty(self, like: Tensor, rows: int) -> TraceState:
        trace = like.new_zeros(rows, KEPT, self.width)
        return TraceState(like.new_zeros(rows, self.width), trace, past=self.norms.begin(like, rows))

    def project(self, x: Tensor) -> Tensor:
        projected: Tensor = self.input(x)
        return projected

    def recur(self, projected: Tensor, state: TraceState, norm: NormStep) -> TraceState:
        output = self.bounded(torch.tanh(projected + norm("hh", self.recurrent(state.trace.flatten(1)))))
        return TraceState(output, torch.cat([output[:, None], state.trace[:, :-1]], dim=1))
