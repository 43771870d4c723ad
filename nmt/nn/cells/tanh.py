"""The simple recurrent layer (Elman 1990), the baseline for gated ones in Chung et al. 2014."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from nmt.nn.cells.base import CellState, input_product, plain
from nmt.nn.cells.norms import CellNorms, NormStep
from nmt.nn.cells.options import CellOptions
from nmt.nn.cells.output_cell import OutputCell, outputs_of
from nmt.nn.clipping import AnnealedLimit
from nmt.nn.initial import Uniform


class TanhCell(OutputCell):
    """h' = tanh(W x + U h + b). A limit clips h'."""

    class Config(CellOptions):
        """Simple recurrent layer without gates."""

        kind: Literal["tanh"] = "tanh"

        def build(self, inputs: int, width: int, limit: AnnealedLimit | None = None) -> TanhCell:
            """A layer with fresh weights."""
            return TanhCell(self, inputs, width, limit)

    def __init__(self, config: Config, inputs: int, width: int, limit: AnnealedLimit | None) -> None:
        super().__init__(inputs, width, width, CellNorms(config.norm, {"ih": (width,), "hh": (width,)}), limit)
        self.input = input_product(inputs, width, self.norms)
        self.recurrent = nn.Linear(width, width, bias=False)

    def initialise(self, start: Uniform) -> None:
        start.draw_linear(self.input, self.recurrent)
        self.norms.initialise(start)

    def project(self, x: Tensor) -> Tensor:
        projected: Tensor = self.input(x)
        return projected

    def recur(self, projected: Tensor, state: CellState, norm: NormStep) -> CellState:
        return CellState(self.bounded(torch.tanh(projected + norm("hh", self.recurrent(state.output)))))

    def whole(self) -> Callable[[Tensor], Tensor] | None:
        fusible = self.limit is None and not self.norms.present and plain(self.input, self.recurrent)
        return self._fused if fusible else None

    def _fused(self, x: Tensor) -> Tensor:
        return outputs_of(torch.rnn_tanh, x, self.input, self.recurrent, torch.zeros_like(self.input.bias))
