"""The interface of all recurrent cells: one step, and a whole sequence at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from nmt.nn.cells.moved import MovedToStart
from nmt.nn.cells.norms.base import NormPast
from nmt.nn.cells.norms.sites import CellNorms, NormStep
from nmt.nn.clipping import AnnealedLimit
from nmt.nn.initial import Uniform
from nmt.nn.rows import Rows


@dataclass
class CellState(Rows):
    """The tensors, of any shape, that a cell carries from step to step; one row per sequence."""

    output: Tensor
    """[rows, width]"""
    past: tuple[NormPast, ...] = field(default=(), kw_only=True)
    """Statistics of earlier steps that the cell's norms remember."""

    def without_past(self) -> CellState:
        """The state without that of the norms, or of a stack, for a cell with others."""
        return replace(self, past=())


StateT = TypeVar("StateT", bound=CellState)


class Cell(nn.Module, ABC, Generic[StateT]):
    """A recurrent layer of one direction, which initialises and bounds itself. `tests/contract` states its laws.

    Args:
        inputs: width of x.
        width: width of the output.
        projected: width of the result of `project`.
        norms: norms within a step. Fused kernels have none.
        limit: clips the cell's state; a model may share one among all cells. Fused kernels have none.
    """

    def __init__(self, inputs: int, width: int, projected: int, norms: CellNorms, limit: AnnealedLimit | None) -> None:
        super().__init__()
        self.inputs, self.width, self.projected = inputs, width, projected
        self.norms, self.limit = norms, limit

    @abstractmethod
    def initialise(self, start: Uniform) -> None:
        """Draws the weights that do not start from special values."""

    @abstractmethod
    def empty(self, like: Tensor, rows: int) -> StateT:
        """The state of `rows` sequences before their first step: zeros with the dtype and device of `like`."""

    def begin_from(self, state: StateT) -> StateT:
        """The initial state of sequences that start from the state of another cell of this kind."""
        return replace(state, past=self.norms.begin(state.output, len(state.output)))

    @abstractmethod
    def project(self, x: Tensor) -> Tensor:
        """The part of a step that does not depend on the state, not normalised: [..., inputs] to [..., projected].

        Affine in x, so the contribution of a further input can be added to it.
        """

    @abstractmethod
    def recur(self, projected: Tensor, state: StateT, norm: NormStep) -> StateT:
        """The rest of a step, after the norm of the product with the input.

        Args:
            projected: [rows, projected], normalised.
            state: the state of these rows.
            norm: to be applied at the other sites.

        Returns:
            The state after the step; its past is ignored.
        """

    def advance(self, projected: Tensor, state: StateT) -> StateT:
        """The rest of a step.

        Args:
            projected: [rows, projected], as from `project`.
            state: the state of these rows.
        """
        norm = NormStep(self.norms, state.past, None)
        return self._stepped(norm.inputs(projected), state, norm)

    def step(self, x: Tensor, state: StateT) -> StateT:
        """One step of `rows` sequences, x: [rows, inputs]."""
        return self.advance(self.project(x), state)

    def forward(self, x: Tensor) -> Tensor:
        """Whole sequences from the empty state: [B, T, inputs] to [B, T, width].

        Goes step by step; a cell with a fused kernel overrides this.
        """
        return self._run(x, None)[0]

    def read(self, x: Tensor, mask: Tensor) -> tuple[Tensor, StateT]:
        """Whole padded sequences from the empty state; padding leaves the state unchanged.

        Goes step by step; a cell with a fused kernel overrides this.

        Args:
            x: [B, T, inputs].
            mask: [B, T] bool, True on real positions, which are contiguous; padding may be on either side.

        Returns:
            [B, T, width], undefined at padding, and the states after the last real position of each sequence.
        """
        if not self.norms.aligned:
            return self._run(x, mask)
        moved = MovedToStart(mask)
        outputs, state = self._run(moved.to_start(x), moved.mask)
        return moved.back(outputs), state

    def bounded(self, carried: Tensor) -> Tensor:
        """The carried tensor, clipped if there is a limit."""
        return carried if self.limit is None else self.limit(carried)

    def _run(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, StateT]:
        # in the weights' dtype: under autocast, sums over time must not be bf16 as the products are
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
"""A cell with any type of state."""


def plain(*layers: nn.Module) -> bool:
    """Whether these are linear layers with floating-point weights, as fused kernels require."""
    return all(type(layer) is nn.Linear for layer in layers)


def input_product(inputs: int, outputs: int, norms: CellNorms) -> nn.Linear:
    """The input layer of a cell; it has a bias, initially zero, unless a norm with its own bias follows."""
    layer = nn.Linear(inputs, outputs, bias="ih" not in norms)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
