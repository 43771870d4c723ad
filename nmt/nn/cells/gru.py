"""Gated recurrent units (Cho et al. 2014), as in Chung et al. 2014 and as in cuDNN."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from nmt.nn.cells.base import AnyCell, CellState, input_product, plain
from nmt.nn.cells.norms import CellNorms, NormStep, Site
from nmt.nn.cells.options import CellOptions
from nmt.nn.cells.output_cell import OutputCell, outputs_of
from nmt.nn.clipping import AnnealedLimit
from nmt.nn.initial import Uniform

_GATES, _CANDIDATE = 0, 1
"""Indices of the norms within a site."""


def _norm_widths(width: int) -> Mapping[Site, Sequence[int]]:
    return {"ih": (2 * width, width), "hh": (2 * width, width)}


class GRU(OutputCell):
    """Reset gate, update gate and candidate, with inputs stacked in this order (Chung et al. 2014, section 3.2).

        r, z = sigmoid(W x + U h + b)       n = tanh(W x + U (r * h) + b)       h' = (1 - z) h + z n

    A limit clips h'. Norms at `ih` and `hh` normalise the product of the gates and that of the candidate separately (Ba
    et al. 2016, supplement).
    """

    class Config(CellOptions):
        """Gated recurrent unit."""

        kind: Literal["gru"] = "gru"
        reset_after: bool = False
        """Apply the reset gate to the result of the recurrent product, as cuDNN and torch do, not to its input. The
        update gate is then the share of the old state that is kept, and a fused kernel reads whole sequences."""

        def build(self, inputs: int, width: int, limit: AnnealedLimit | None = None) -> AnyCell:
            """A layer with fresh weights."""
            return (ResetAfterGRU if self.reset_after else GRU)(self, inputs, width, limit)

    def __init__(self, config: Config, inputs: int, width: int, limit: AnnealedLimit | None) -> None:
        super().__init__(inputs, width, 3 * width, CellNorms(config.norm, _norm_widths(width)), limit)
        self.input = input_product(inputs, 3 * width, self.norms)
        self.recurrent = nn.Linear(width, 2 * width, bias=False)
        self.candidate = nn.Linear(width, width, bias=False)

    def initialise(self, start: Uniform) -> None:
        start.draw_linear(self.input, self.recurrent, self.candidate)
        self.norms.initialise(start)

    def project(self, x: Tensor) -> Tensor:
        gates: Tensor = self.input(x)
        return gates

    def recur(self, projected: Tensor, state: CellState, norm: NormStep) -> CellState:
        gates, new = projected[:, : 2 * self.width], projected[:, 2 * self.width :]
        r, z = torch.sigmoid(gates + norm("hh", self.recurrent(state.output), _GATES)).chunk(2, dim=-1)
        n = torch.tanh(new + norm("hh", self.candidate(r * state.output), _CANDIDATE))
        return CellState(self.bounded(state.output + z * (n - state.output)))


class ResetAfterGRU(OutputCell):
    """A GRU that resets after the recurrent product, as in cuDNN and torch.

        r, z = sigmoid(W x + U h + b)       n = tanh(W x + b + r * (U h + b'))       h' = (1 - z) n + z h

    A limit clips h'. Norms are as in `GRU`.
    """

    def __init__(self, config: GRU.Config, inputs: int, width: int, limit: AnnealedLimit | None) -> None:
        super().__init__(inputs, width, 3 * width, CellNorms(config.norm, _norm_widths(width)), limit)
        self.input = input_product(inputs, 3 * width, self.norms)
        self.recurrent = nn.Linear(width, 3 * width, bias=False)
        self.recurrent_bias = nn.Parameter(torch.zeros(width))  # for the candidate only: in the gates b covers it

    def initialise(self, start: Uniform) -> None:
        start.draw_linear(self.input, self.recurrent)
        nn.init.zeros_(self.recurrent_bias)
        start.shift(self.recurrent_bias)
        self.norms.initialise(start)

    def project(self, x: Tensor) -> Tensor:
        gates: Tensor = self.input(x)
        return gates

    def recur(self, projected: Tensor, state: CellState, norm: NormStep) -> CellState:
        recurrent, gates = self.recurrent(state.output), 2 * self.width
        r, z = torch.sigmoid(projected[:, :gates] + norm("hh", recurrent[:, :gates], _GATES)).chunk(2, dim=-1)
        candidate = norm("hh", recurrent[:, gates:], _CANDIDATE) + self.recurrent_bias
        n = torch.tanh(projected[:, gates:] + r * candidate)
        return CellState(self.bounded(n + z * (state.output - n)))

    def whole(self) -> Callable[[Tensor], Tensor] | None:
        fusible = self.limit is None and not self.norms.present and plain(self.input, self.recurrent)
        return self._fused if fusible else None

    def _fused(self, x: Tensor) -> Tensor:
        bias = torch.cat([self.recurrent_bias.new_zeros(2 * self.width), self.recurrent_bias])
        return outputs_of(torch.gru, x, self.input, self.recurrent, bias)
