"""Long short-term memory with peepholes (Gers and Schmidhuber 2000), as in Chung et al. 2014."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from nmt.nn.cells.lstm import LSTM, LSTMState
from nmt.nn.cells.norms import NormStep, Site
from nmt.nn.cells.options import CellOptions
from nmt.nn.clipping import AnnealedLimit
from nmt.nn.initial import Uniform
from nmt.options import NonNegativeFloat


class PeepholeLSTM(LSTM):
    """An LSTM whose gates also see the memory, each unit its own (Chung et al. 2014, section 3.1).

        i, f = sigmoid(W x + U m + V * c + b)    g = tanh(W x + U m + b)    c' = f * c + i * g
        o = sigmoid(W x + U m + V * c' + b)      m' = o * tanh(c')

    Limit and norms are as in `LSTM`; the norms leave V * c as it is, and o sees c' before the norm at `c`.

    V starts from zero, plus the noise that a model adds to biases: the cell is an LSTM at first. Others draw V as they
    draw matrices, but a diagonal has no symmetry to break: its gradient is not zero from the first update on.
    """

    class Config(CellOptions):
        """Long short-term memory whose gates see the memory."""

        sites: ClassVar[tuple[Site, ...]] = LSTM.Config.sites

        kind: Literal["peephole_lstm"] = "peephole_lstm"
        forget_bias: NonNegativeFloat = 1.0
        """Initial bias of the forget gate; above 0, the cell keeps its memory at first."""

        def build(self, inputs: int, width: int, limit: AnnealedLimit | None = None) -> PeepholeLSTM:
            """A layer with fresh weights."""
            return PeepholeLSTM(LSTM.Config(norm=self.norm, forget_bias=self.forget_bias), inputs, width, limit)

    def __init__(self, config: LSTM.Config, inputs: int, width: int, limit: AnnealedLimit | None) -> None:
        super().__init__(config, inputs, width, limit)
        self.peepholes = nn.Parameter(torch.zeros(3 * width))
        """V of the input, forget and output gate."""

    def initialise(self, start: Uniform) -> None:
        super().initialise(start)
        nn.init.zeros_(self.peepholes)
        start.shift(self.peepholes)

    def recur(self, projected: Tensor, state: LSTMState, norm: NormStep) -> LSTMState:
        i, f, g, o = (projected + norm("hh", self.recurrent(state.output))).chunk(4, dim=-1)
        to_i, to_f, to_o = self.peepholes.chunk(3)
        i, f = torch.sigmoid(i + to_i * state.memory), torch.sigmoid(f + to_f * state.memory)
        memory = self.bounded(f * state.memory + i * torch.tanh(g))
        shown = self.bounded(norm("c", memory)) if "c" in self.norms else memory
        return LSTMState(torch.sigmoid(o + to_o * memory) * torch.tanh(shown), memory)

    def _fusible(self) -> bool:
        return False  # torch has no kernel with peepholes
