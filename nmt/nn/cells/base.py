"""What every recurrent cell is to the models: one step, and a whole sequence at once."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from nmt.nn.initial import Uniform

CellState = tuple[Tensor, ...]
"""What a cell carries from step to step, each [rows, width]; the first is its output."""


class Cell(nn.Module, ABC):
    """A recurrent layer of one direction.

    Args:
        inputs: width of x.
        width: of its output.
        projected: width of what `project` makes of x.
    """

    def __init__(self, inputs: int, width: int, projected: int) -> None:
        super().__init__()
        self.inputs, self.width, self.projected = inputs, width, projected

    @abstractmethod
    def initialise(self, start: Uniform) -> None:
        """Draws the weights that have no start of their own."""

    @abstractmethod
    def empty(self, like: Tensor, rows: int) -> CellState:
        """The state of `rows` sequences that have not begun: zeros of the dtype and on the device of `like`."""

    @abstractmethod
    def project(self, x: Tensor) -> Tensor:
        """The part of a step that does not depend on the state: [..., inputs] to [..., projected].

        Affine in x, so that what a further input gives can be added to it.
        """

    @abstractmethod
    def advance(self, projected: Tensor, state: CellState, limit: Tensor | None = None) -> CellState:
        """The rest of a step.

        Args:
            projected: [rows, projected], as from `project`.
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
        return self._run(x, None, limit)[0]

    def read(self, x: Tensor, mask: Tensor, limit: Tensor | None = None) -> tuple[Tensor, CellState]:
        """Whole padded sequences from the empty state; padding leaves the state as it is.

        Here step after step; a cell that has a fused kernel overrides it.

        Args:
            x: [B, T, inputs].
            mask: [B, T] bool, True on real positions, which lie side by side; padding may be on either side.
            limit: as in `advance`.

        Returns:
            [B, T, width], without a meaning on padding, and the states after the last real position of each sequence.
        """
        return self._run(x, mask, limit)

    def _run(self, x: Tensor, mask: Tensor | None, limit: Tensor | None) -> tuple[Tensor, CellState]:
        # of the weights' dtype: under autocast, what is summed up over time must not be bf16 as the products are
        state, outputs = self.empty(next(self.parameters()), x.shape[0]), []
        for position, projected in enumerate(self.project(x).unbind(1)):
            after = self.advance(projected, state, limit)
            if mask is not None:
                real = mask[:, position, None]
                after = tuple(torch.where(real, new, old) for new, old in zip(after, state, strict=True))
            state = after
            outputs.append(state[0])
        return torch.stack(outputs, dim=1), state
