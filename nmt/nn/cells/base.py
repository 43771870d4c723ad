"""What every recurrent cell is to the models: one step, and a whole sequence at once."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

CellState = tuple[Tensor, ...]
"""What a cell carries from step to step, each [rows, width]; the first is its output."""


class Cell(nn.Module, ABC):
    """A recurrent layer of one direction.

    Args:
        inputs: width of x.
        width: of its output.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.inputs, self.width = inputs, width

    @abstractmethod
    def empty(self, like: Tensor, rows: int) -> CellState:
        """The state of `rows` sequences that have not begun: zeros of the dtype and on the device of `like`."""

    @abstractmethod
    def project(self, x: Tensor) -> Tensor:
        """The part of a step that does not depend on the state: [..., inputs] to [..., any]."""

    @abstractmethod
    def advance(self, projected: Tensor, state: CellState, limit: Tensor | None = None) -> CellState:
        """The rest of a step.

        Args:
            projected: [rows, any], as from `project`.
            state: of those rows.
            limit: scalar; what the cell carries besides its output is clipped to between -limit and limit.
        """

    def step(self, x: Tensor, state: CellState, limit: Tensor | None = None) -> CellState:
        """One step of `rows` sequences, x: [rows, inputs]; the first of what comes back is the output."""
        return self.advance(self.project(x), state, limit)

    def forward(self, x: Tensor, limit: Tensor | None = None) -> Tensor:
        """Whole sequences from the empty state: [B, T, inputs] to [B, T, width].

        Here step after step; a cell that has a fused kernel overrides it.
        """
        projected = self.project(x)
        # of the weights' dtype: under autocast, what is summed up over time must not be bf16 as the products are
        state, outputs = self.empty(next(self.parameters()), x.shape[0]), []
        for position in range(x.shape[1]):
            state = self.advance(projected[:, position], state, limit)
            outputs.append(state[0])
        return torch.stack(outputs, dim=1)
