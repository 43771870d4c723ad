"""What every recurrent cell is to the models: one step, and a whole sequence at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from nmt.nn.clipping import AnnealedLimit
from nmt.nn.initial import Uniform
from nmt.nn.rows import Rows


@dataclass
class CellState(Rows):
    """What a cell carries from step to step: a row per sequence, of tensors of any shape."""

    output: Tensor
    """[rows, width]"""


StateT = TypeVar("StateT", bound=CellState)


class Cell(nn.Module, ABC, Generic[StateT]):
    """A recurrent layer of one direction, with its initial weights and its bounds. `tests/contract` states its laws.

    Args:
        inputs: width of x.
        width: of its output.
        projected: width of what `project` makes of x.
        limit: clips what the cell carries; a model may have one for all of its cells. Fused kernels know none.
    """

    def __init__(self, inputs: int, width: int, projected: int, limit: AnnealedLimit | None) -> None:
        super().__init__()
        self.inputs, self.width, self.projected = inputs, width, projected
        self.limit = limit

    @abstractmethod
    def initialise(self, start: Uniform) -> None:
        """Draws the weights that have no start of their own."""

    @abstractmethod
    def empty(self, like: Tensor, rows: int) -> StateT:
        """The state of `rows` sequences that have not begun: zeros of the dtype and on the device of `like`."""

    @abstractmethod
    def project(self, x: Tensor) -> Tensor:
        """The part of a step that does not depend on the state: [..., inputs] to [..., projected].

        Affine in x, so that what a further input gives can be added to it.
        """

    @abstractmethod
    def advance(self, projected: Tensor, state: StateT) -> StateT:
        """The rest of a step.

        Args:
            projected: [rows, projected], as from `project`.
            state: of those rows.
        """

    def step(self, x: Tensor, state: StateT) -> StateT:
        """One step of `rows` sequences, x: [rows, inputs]."""
        return self.advance(self.project(x), state)

    def forward(self, x: Tensor) -> Tensor:
        """Whole sequences from the empty state: [B, T, inputs] to [B, T, width].

        Here step after step; a cell that has a fused kernel overrides it.
        """
        return self._run(x, None)[0]

    def read(self, x: Tensor, mask: Tensor) -> tuple[Tensor, StateT]:
        """Whole padded sequences from the empty state; padding leaves the state as it is.

        Here step after step; a cell that has a fused kernel overrides it.

        Args:
            x: [B, T, inputs].
            mask: [B, T] bool, True on real positions, which lie side by side; padding may be on either side.

        Returns:
            [B, T, width], without a meaning on padding, and the states after the last real position of each sequence.
        """
        return self._run(x, mask)

    def bounded(self, carried: Tensor) -> Tensor:
        """What is carried on, within the limit."""
        return carried if self.limit is None else self.limit(carried)

    def _run(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, StateT]:
        # of the weights' dtype: under autocast, what is summed up over time must not be bf16 as the products are
        state, outputs = self.empty(next(self.parameters()), x.shape[0]), []
        for position, projected in enumerate(self.project(x).unbind(1)):
            after = self.advance(projected, state)
            state = after if mask is None else after.where(mask[:, position], state)
            outputs.append(state.output)
        return torch.stack(outputs, dim=1), state


AnyCell = Cell[Any]
"""A cell of whatever state."""


def plain(*layers: nn.Module) -> bool:
    """Whether these are linear layers with weights in floating point, as a fused kernel needs them."""
    return all(type(layer) is nn.Linear for layer in layers)
