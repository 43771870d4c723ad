"""Cells with a nondeterministic stack, beyond the laws of all cells."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from nmt.nn.cells import GRU, LSTM, AnyCell, CellState, NondeterministicStack, StateRegularized
from nmt.nn.cells.nondeterministic_stack import StackState
from nmt.nn.initial import Uniform


def stepped(cell: AnyCell, x: Tensor, state: CellState) -> tuple[Tensor, CellState]:
    outputs = []
    for token in x.unbind(1):
        state = cell.step(token, state)
        outputs.append(state.output)
    return torch.stack(outputs, dim=1), state


def built(config: StateRegularized.Config | NondeterministicStack.Config) -> AnyCell:
    torch.manual_seed(3)
    cell: AnyCell = config.build(4, 6)
    cell.initialise(Uniform(1.0))
    return cell


def test_a_stack_in_a_stack_is_refused() -> None:
    with pytest.raises(ValidationError, match="a layer has one stack"):
        NondeterministicStack.Config(cell=NondeterministicStack.Config())


def test_centroids_are_within_a_stack_or_around_it() -> None:
    x = torch.randn(2, 7, 4)
    regularized = partial(StateRegularized.Config, centroids=4, centroid_range=2.0)
    for config in (
        NondeterministicStack.Config(cell=regularized(cell=GRU.Config())),
        regularized(cell=NondeterministicStack.Config(cell=GRU.Config())),
    ):
        cell = built(config)
        outputs, _ = stepped(cell, x, cell.empty(x, 2))
        torch.testing.assert_close(cell(x), outputs)
        for padded in (torch.arange(7) < 4, torch.arange(7) >= 3):
            mask = torch.stack([padded, torch.ones(7, dtype=torch.bool)])
            found, _ = cell.read(x, mask)
            torch.testing.assert_close(found[0, padded], cell(x[:1, padded])[0])
            torch.testing.assert_close(found[1], outputs[1])


def test_what_it_reads_decides_the_next_output() -> None:
    cell = built(NondeterministicStack.Config())
    assert isinstance(cell, NondeterministicStack)
    x = torch.randn(1, 4, 4)
    expected = cell(x)
    with torch.no_grad():
        cell.actions.bias.normal_()
    assert torch.equal(cell(x)[:, 0], expected[:, 0])
    assert not torch.allclose(cell(x)[:, 1], expected[:, 1])


def test_it_begins_from_the_state_of_its_controller_with_an_empty_stack() -> None:
    cell, other = built(NondeterministicStack.Config()), LSTM.Config().build(4, 6)
    x = torch.randn(2, 3, 4)
    _, state = stepped(other, x, other.empty(x, 2))
    begun = cell.begin_from(state)
    assert isinstance(begun, StackState)
    assert torch.equal(begun.output, state.output)
    assert torch.equal(begun.stack.top, cell.empty(x, 2).stack.top)
    _, after = stepped(cell, x, begun)
    assert type(after.without_past()) is type(state)


def test_sums_are_not_in_bf16() -> None:
    cell, x = built(NondeterministicStack.Config()), torch.randn(2, 12, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs, state = stepped(cell, x, cell.empty(x, 2))
        whole = cell(x)
    assert isinstance(state, StackState)
    assert state.stack.top.dtype == torch.float64
    torch.testing.assert_close(whole, outputs)
    assert (whole - cell(x)).abs().max() < 0.1
