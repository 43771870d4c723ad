"""What every recurrent cell is to the models: one step, and a whole sequence at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Self, TypeVar

import torch
from torch import Tensor, nn

from nmt.nn.cells.norms.base import NormPast
from nmt.nn.cells.norms.sites import CellNorms, NormStep
from nmt.nn.clipping import AnnealedLimit
from nmt.nn.initial import Uniform
from nmt.nn.rows import Rows


@dataclass
class CellState(Rows):
    """What a cell carries from step to step: a row per sequence, of tensors of any shape."""

    output: Tensor
    """[rows, width]"""
    past: tuple[NormPast, ...] = field(default=(), kw_only=True)
    """What the cell's norms remember of earlier steps."""

    def without_past(self) -> Self:
        """What the cell itself carries, as for one whose norms are not these."""
        return replace(self, past=())


StateT = TypeVar("StateT", bound=CellState)


class Cell(nn.Module, ABC, Generic[StateT]):
    """A recurrent layer of one direction, with its initial weights and its bounds. `tests/contract` states its laws.

    Args:
        inputs: width of x.
        width: of its output.
        projected: width of what `project` makes of x.
        norms: of what it computes in a step. Fused kernels know none.
        limit: clips what the cell carries; a model may have one for all of its cells. Fused kernels know none.
    """

    def __init__(self, inputs: int, width: int, projected: int, norms: CellNorms, limit: AnnealedLimit | None) -> None:
        super().__init__()
        self.inputs, self.width, self.projected = inputs, width, projected
        self.norms, self.limit = norms, limit

    @abstractmethod
    def initialise(self, start: Uniform) -> None:
        """Draws the weights that have no start of their own."""

    @abstractmethod
    def empty(self, like: Tensor, rows: int) -> StateT:
        """The state of `rows` sequences that have not begun: zeros of the dtype and on the device of `like`."""

    def begin_from(self, state: StateT) -> StateT:
        """The state of sequences that have not begun and start from what another cell of this kind has carried."""
        return replace(state, past=self.norms.begin(state.output, len(state.output)))

    @abstractmethod
    def project(self, x: Tensor) -> Tensor:
        """The part of a step that does not depend on the state, not normalised: [..., inputs] to [..., projected].

        Affine in x, so that what a further input gives can be added to it.
        """

    @abstractmethod
    def recur(self, projected: Tensor, state: StateT, norm: NormStep) -> StateT:
        """The rest of a step behind the norm of the product with the input.

        Args:
            projected: [rows, projected], normalised.
            state: of those rows.
            norm: applied to what stands at the other sites.

        Returns:
            The state after the step; its past is not looked at.
        """

    def advance(self, projected: Tensor, state: StateT) -> StateT:
        """The rest of a step.

        Args:
            projected: [rows, projected], as from `project`.
            state: of those rows.
        """
        norm = NormStep(self.norms, state.past, None)
        return self._stepped(norm.inputs(projected), state, norm)

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
        projected, state.past = self.norms.read_inputs(self.project(x), mask, state.past)
        for position, inputs in enumerate(projected.unbind(1)):
            real = None if mask is None else mask[:, position]
            norm = NormStep(self.norms, state.past, real)
            after = self._stepped(inputs, state, norm)
            state = after if real is None else after.where(real, state)
            outputs.append(state.output)
        return torch.stack(outputs, dim=1), state

    def _stepped(self, inputs: Tensor, state: StateT, norm: NormStep) -> StateT:
        after = self.recur(inputs, state, norm)
        after.past = norm.after
        return after


AnyCell = Cell[Any]
"""A cell of whatever state."""


def plain(*layers: nn.Module) -> bool:
    """Whether these are linear layers with weights in floating point, as a fused kernel needs them."""
    return all(type(layer) is nn.Linear for layer in layers)


def input_product(inputs: int, outputs: int, norms: CellNorms) -> nn.Linear:
    """The layer in front of a cell; its bias is zero, or that of the norm which follows."""
    layer = nn.Linear(inputs, outputs, bias="ih" not in norms)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
