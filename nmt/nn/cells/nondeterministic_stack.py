"""Recurrent layers with a nondeterministic stack (DuSell and Chiang 2020, arXiv 2010.04674; 2022, arXiv 2109.01982)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from nmt.nn.cells.base import AnyCell, Cell, CellState
from nmt.nn.cells.lstm import LSTM
from nmt.nn.cells.moved import MovedToStart
from nmt.nn.cells.norms import NormStep
from nmt.nn.cells.options import WrapperOptions
from nmt.nn.clipping import AnnealedLimit
from nmt.nn.initial import Uniform
from nmt.nn.pushdown.automaton import Automaton, Bottom
from nmt.nn.pushdown.sequence import StackSequences
from nmt.nn.pushdown.stack import Stack, advance, reading

if TYPE_CHECKING:
    from nmt.nn.cells import CellConfig

_MOST_STATES, _MOST_SYMBOLS, _LONGEST_WINDOW = 16, 16, 1000


@dataclass
class StackState(CellState):
    """The state of the controller, and the stack."""

    controller: CellState
    """Its output counts only if it is the same as `output`, which another cell may replace."""
    stack: Stack

    def without_past(self) -> CellState:
        return replace(self.controller, output=self.output, past=())


class NondeterministicStack(Cell[StackState]):
    """A cell, the controller, that also reads the top of a stack and works on it, by all possibilities at once.

        h_t = cell([x_t; r_(t-1)], h_(t-1))      Δ_t = exp(A h_t + a)      r_t = the distribution over tops after Δ_t

    Δ_t weighs every transition of a pushdown automaton: push, replace or pop a symbol, in each state and with each
    symbol on top. The weight of a run is the product of its transitions' weights; r_t sums over all runs. The output is
    h_t.
    The contribution of r to the cell's product with its input is outside the cell's norm; a limit leaves r alone.
    """

    class Config(WrapperOptions):
        """Any cell with a nondeterministic stack, which lets it learn context-free languages: RNS-RNN (DuSell and
        Chiang 2022), or with `normalized` NS-RNN (2020). The time per token and the memory grow with the square of the
        length, unless there is a `window`. `nmt automaton --runs` prints what the stack does.
        """

        kind: Literal["nondeterministic_stack"] = "nondeterministic_stack"
        cell: CellConfig = LSTM.Config()
        """The controller."""
        states: Annotated[int, Field(gt=0, le=_MOST_STATES)] = 2
        """Number of states of the automaton. Time grows with its cube. Published are 2 and 3."""
        symbols: Annotated[int, Field(gt=0, le=_MOST_SYMBOLS)] = 3
        """Number of symbols of the stack, the bottom included. Time grows with its cube. Published is 3 for languages
        with two kinds of brackets."""
        normalized: bool = False
        """Make the weights of the transitions from a state and symbol sum to 1, as in NS-RNN. It learns less: a run
        that pays off later cannot make up for what its first transitions cost."""
        reading: Literal["symbols_and_states", "symbols"] = "symbols_and_states"
        """Distribution that the cell reads: over pairs of a state and the symbol on top (2022), or over the symbol
        alone (2020)."""
        bottom: Bottom = "free"
        """What may happen to the bottom of the stack. `free`: the automaton may replace it, and pop all that is above
        (2023). `fixed`: it can never be replaced, and the cell above it never be popped, so the first step has to push
        (2022)."""
        window: Annotated[int, Field(gt=0, le=_LONGEST_WINDOW)] | None = None
        """Most steps after its push for which a cell of the stack can be on top; null for any number. With a window the
        memory is constant and the time per token grows with its square; use one for long texts, or in a decoder.
        Published is 35."""

        @model_validator(mode="after")
        def _check_cell(self) -> Self:
            if self.cell.kind == self.kind:
                raise ValueError(f"cell must be another kind of cell, not {self.kind}: a layer has one stack")
            return self

        def build(self, inputs: int, width: int, limit: AnnealedLimit | None = None) -> NondeterministicStack:
            """A layer with fresh weights."""
            return NondeterministicStack(self, self.cell.build(inputs, width, limit))

    def __init__(self, config: Config, cell: AnyCell) -> None:
        super().__init__(cell.inputs, cell.width, cell.projected, cell.norms, cell.limit)
        self.automaton = Automaton(config.states, config.symbols, config.normalized, config.bottom, config.window)
        self.reads_states = config.reading == "symbols_and_states"
        self.cell = cell
        readings = self.automaton.configurations if self.reads_states else config.symbols
        self.reading = nn.Linear(readings, cell.projected, bias=False)
        self.actions = nn.Linear(cell.width, self.automaton.transitions)

    def initialise(self, start: Uniform) -> None:
        self.cell.initialise(start)
        start.draw_linear(self.reading, self.actions)

    def empty(self, like: Tensor, rows: int) -> StackState:
        return self._begun(self.cell.empty(like, rows))

    def begin_from(self, state: CellState) -> StackState:
        return self._begun(self.cell.begin_from(state))

    def _begun(self, controller: CellState) -> StackState:
        return self._with(controller, Stack.empty(self.automaton, controller.output, len(controller.output)))

    def _with(self, controller: CellState, stack: Stack) -> StackState:
        return StackState(controller.output, controller.without_past(), stack, past=controller.past)

    def project(self, x: Tensor) -> Tensor:
        return self.cell.project(x)

    def recur(self, projected: Tensor, state: StackState, norm: NormStep) -> StackState:
        before = replace(state.controller, output=state.output)
        controller = self._controlled(projected, state.stack.top, before, norm)
        stack = advance(self.automaton, state.stack, self.automaton.weights(self._logits(controller.output)))
        return StackState(controller.output, controller, stack)

    def _controlled(self, projected: Tensor, top: Tensor, state: CellState, norm: NormStep) -> CellState:
        """The controller's state after a step in which it also reads the top [rows, C]."""
        read = reading(self.automaton, top, with_states=self.reads_states).to(state.output.dtype)
        after: CellState = self.cell.recur(projected + self.reading(read), state, norm)
        return after

    def _logits(self, output: Tensor) -> Tensor:
        """[rows, transitions], of the controller's output [rows, width]; never in bf16."""
        with torch.autocast(output.device.type, enabled=False):
            logits: Tensor = self.actions(output.to(torch.promote_types(output.dtype, torch.float32)))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        controllers, _ = self._whole(x, None)
        return torch.stack([state.output for state in controllers[1:]], dim=1)

    def read(self, x: Tensor, mask: Tensor) -> tuple[Tensor, StackState]:
        moved = MovedToStart(mask)
        controllers, stacks = self._whole(moved.to_start(x), moved.mask)
        lengths, rows = mask.sum(dim=1), torch.arange(len(mask), device=mask.device)
        each = zip(*(state.tensors() for state in controllers), strict=True)
        last = controllers[0].with_tensors(torch.stack(parts)[lengths, rows] for parts in each)
        outputs = moved.back(torch.stack([state.output for state in controllers[1:]], dim=1))
        return outputs, self._with(last, stacks.after(lengths))

    def _whole(self, x: Tensor, mask: Tensor | None) -> tuple[list[CellState], StackSequences]:
        """All steps of sequences [B, T, inputs] that begin at the first position, whose states count up to their ends.

        Args:
            x: [B, T, inputs].
            mask: [B, T] bool, True on real positions; None: all.

        Returns:
            The controllers' states before the first step and after each, and the stacks.
        """
        if mask is not None:
            x = x.masked_fill(~mask[:, :, None], 0.0)
        # in the weights' dtype: under autocast, sums over time must not be bf16 as the products are
        states: list[CellState] = [self.cell.empty(next(self.parameters()), len(x))]
        projected, past = self.norms.read_inputs(self.project(x), mask, states[0].past)
        stacks = StackSequences(self.automaton, Stack.empty(self.automaton, x, len(x)), x.shape[1])
        for position, inputs in enumerate(projected.unbind(1)):
            norm = NormStep(self.norms, past, None if mask is None else mask[:, position])
            state = self._controlled(inputs, stacks.top, states[-1], norm)
            past = state.past = norm.after
            states.append(state)
            stacks.advance(self._logits(state.output))
        return states, stacks
