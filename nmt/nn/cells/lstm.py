"""Long short-term memory (Hochreiter & Schmidhuber 1997, with forget gates), as in GNMT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from nmt.nn.cells.base import Cell, CellState, input_product, plain
from nmt.nn.cells.norms import CellNorms, NormStep, Site
from nmt.nn.cells.options import CellOptions
from nmt.nn.clipping import AnnealedLimit
from nmt.nn.initial import Uniform
from nmt.options import NonNegativeFloat

_SHUT = 1e4
"""Drives a sigmoid to 0 or 1 whatever is added to it; within the range of float16."""


@dataclass
class LSTMState(CellState):
    """Output m and memory cell c."""

    memory: Tensor
    """[rows, width]"""


class LSTM(Cell[LSTMState]):
    """Input, forget, candidate and output gates stacked in this order.

        i, f, o = sigmoid(W x + U m + b)    g = tanh(W x + U m + b)
        c' = f * c + i * g                  m' = o * tanh(c')

    A limit clips c' before m' is computed, so |m'| stays within it too. A norm at `ih` or `hh` covers the products of
    all four gates together (Ba et al. 2016, supplement). One at `c` applies to c' in m' only; the c' carried on is not
    normalised.
    """

    class Config(CellOptions):
        """Long short-term memory."""

        sites: ClassVar[tuple[Site, ...]] = ("ih", "hh", "c")

        kind: Literal["lstm"] = "lstm"
        forget_bias: NonNegativeFloat = 1.0
        """Initial bias of the forget gate; above 0, the cell keeps its memory at first."""
        output_tanh: bool = True
        """Squash the memory in the output, m = o * tanh(c); false is GNMT's printed equation, m = o * c, meant for
        use with `clipping`."""

        def build(self, inputs: int, width: int, limit: AnnealedLimit | None = None) -> LSTM:
            """A layer with fresh weights."""
            return LSTM(self, inputs, width, limit)

    def __init__(self, config: Config, inputs: int, width: int, limit: AnnealedLimit | None) -> None:
        norms = CellNorms(config.norm, {"ih": (4 * width,), "hh": (4 * width,), "c": (width,)})
        super().__init__(inputs, width, 4 * width, norms, limit)
        self.output_tanh, self.forget_bias = config.output_tanh, config.forget_bias
        self.input = input_product(inputs, 4 * width, norms)
        self.recurrent = nn.Linear(width, 4 * width, bias=False)
        self._open_forget_gate()

    def initialise(self, start: Uniform) -> None:
        start.draw_linear(self.input)
        self.norms.initialise(start)
        self._open_forget_gate()
        start.draw(self.recurrent.weight)

    @torch.no_grad()
    def _open_forget_gate(self) -> None:
        bias = self.norms.at("ih")[0].bias if "ih" in self.norms else self.input.bias
        bias[self.width : 2 * self.width] += self.forget_bias

    def empty(self, like: Tensor, rows: int) -> LSTMState:
        zeros = like.new_zeros(rows, self.width)
        return LSTMState(zeros, torch.zeros_like(zeros), past=self.norms.begin(like, rows))

    def project(self, x: Tensor) -> Tensor:
        gates: Tensor = self.input(x)
        return gates

    def recur(self, projected: Tensor, state: LSTMState, norm: NormStep) -> LSTMState:
        i, f, g, o = (projected + norm("hh", self.recurrent(state.output))).chunk(4, dim=-1)
        memory = self.bounded(torch.sigmoid(f) * state.memory + torch.sigmoid(i) * torch.tanh(g))
        shown = self.bounded(norm("c", memory)) if "c" in self.norms else memory
        return LSTMState(torch.sigmoid(o) * (torch.tanh(shown) if self.output_tanh else shown), memory)

    def forward(self, x: Tensor) -> Tensor:
        if not self._fusible():
            return super().forward(x)
        return self._fused(x, self.input.weight)[0]

    def read(self, x: Tensor, mask: Tensor) -> tuple[Tensor, LSTMState]:
        if not self._fusible():
            return super().read(x, mask)
        # An extra input, 1 on padding, closes the input gate and opens the forget gate there: the memory stays zero
        # before a sequence and unchanged after it. Packed sequences would do the same, at half the speed on a CPU.
        padding = (~mask).to(x.dtype)[:, :, None]
        gates = self.input.weight.new_zeros(4, self.width, 1)
        gates[0], gates[1] = -_SHUT, _SHUT
        outputs, memory = self._fused(
            torch.cat([x, padding], dim=-1), torch.cat([self.input.weight, gates.flatten(0, 1)], dim=-1)
        )
        positions = torch.arange(mask.shape[1], device=mask.device)
        last = torch.where(mask, positions, 0).amax(dim=1)[:, None, None].expand(-1, 1, self.width)
        return outputs, LSTMState(outputs.gather(1, last).squeeze(1), memory)

    def _fusible(self) -> bool:
        """Whether torch's kernel for whole sequences applies: no limit, no norm, the standard output, plain
        weights.
        """
        free = self.limit is None and not self.norms.present
        return free and self.output_tanh and plain(self.input, self.recurrent)

    def _fused(self, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """All outputs [B, T, width] and the last memories [B, width], with this weight for the input."""
        empty = x.new_zeros(1, x.shape[0], self.width)
        bias = self.input.bias
        # `train` makes the kernel keep what the backward pass needs, so it follows autograd, not `.train()`
        outputs, _, memory = torch.lstm(
            x,
            (empty, empty),
            [weight, self.recurrent.weight, bias, torch.zeros_like(bias)],
            has_biases=True,
            num_layers=1,
            dropout=0.0,
            train=torch.is_grad_enabled(),
            bidirectional=False,
            batch_first=True,
        )
        return outputs, memory.squeeze(0)
