"""Gated recurrent units against their equations and against torch's."""

from __future__ import annotations

import math
from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn

from nmt.nn.cells import GRU, AnyCell, CellState
from nmt.nn.cells.gru import ResetAfterGRU

EitherT = TypeVar("EitherT", GRU, ResetAfterGRU)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def chungs(inputs: int = 5, width: int = 6) -> GRU:
    torch.manual_seed(4)
    cell = GRU.Config().build(inputs, width)
    assert isinstance(cell, GRU)
    return cell


def cudnns(inputs: int = 5, width: int = 6) -> ResetAfterGRU:
    torch.manual_seed(4)
    cell = GRU.Config(reset_after=True).build(inputs, width)
    assert isinstance(cell, ResetAfterGRU)
    return cell


def filled(cell: EitherT, recurrent: list[float]) -> EitherT:
    """One unit whose inputs' weights are 1, 2 and 3."""
    with torch.no_grad():
        cell.input.weight.copy_(torch.tensor([[1.0], [2.0], [3.0]]))
        cell.recurrent.weight.copy_(torch.tensor(recurrent)[:, None])
    return cell


def one_step(cell: AnyCell, x: float, h: float) -> float:
    return float(cell.step(torch.tensor([[x]]), CellState(torch.tensor([[h]]))).output.detach())


def test_chungs_step_by_hand() -> None:
    cell = filled(chungs(1, 1), [0.5, -1.0])
    with torch.no_grad():
        cell.candidate.weight.fill_(2.0)
    r, z = sigmoid(0.3 + 0.5 * 0.8), sigmoid(0.6 - 0.8)
    n = math.tanh(0.9 + 2.0 * (r * 0.8))
    assert one_step(cell, 0.3, 0.8) == pytest.approx((1 - z) * 0.8 + z * n)


def test_cudnns_step_by_hand() -> None:
    cell = filled(cudnns(1, 1), [0.5, -1.0, 2.0])
    with torch.no_grad():
        cell.recurrent_bias.fill_(0.4)
    r, z = sigmoid(0.3 + 0.5 * 0.8), sigmoid(0.6 - 0.8)
    n = math.tanh(0.9 + r * (2.0 * 0.8 + 0.4))
    assert one_step(cell, 0.3, 0.8) == pytest.approx((1 - z) * n + z * 0.8)


def torchs(cell: ResetAfterGRU) -> nn.GRUCell:
    """torch's cell with the weights of one that resets after the product."""
    theirs = nn.GRUCell(cell.inputs, cell.width)
    with torch.no_grad():
        theirs.weight_ih.copy_(cell.input.weight)
        theirs.weight_hh.copy_(cell.recurrent.weight)
        theirs.bias_ih.copy_(cell.input.bias)
        theirs.bias_hh.zero_()
        theirs.bias_hh[2 * cell.width :] = cell.recurrent_bias
    return theirs


def random_biases(cell: ResetAfterGRU) -> None:
    with torch.no_grad():
        for name, parameter in cell.named_parameters():
            if name.endswith("bias"):
                parameter.normal_()


def test_reset_after_the_product_it_is_torchs() -> None:
    cell = cudnns()
    random_biases(cell)
    x, h = torch.randn(4, 5), torch.randn(4, 6)
    torch.testing.assert_close(cell.step(x, CellState(h)).output, torchs(cell)(x, h), atol=1e-6, rtol=0)


def test_chungs_is_torchs_only_where_nothing_is_reset_and_with_the_other_update_gate() -> None:
    chung, other = chungs(), cudnns()
    x, h = torch.randn(4, 5), torch.randn(4, 6)

    def copy() -> Tensor:
        with torch.no_grad():
            other.input.weight.copy_(chung.input.weight)
            other.input.bias.copy_(chung.input.bias)
            other.recurrent.weight.copy_(torch.cat([chung.recurrent.weight, chung.candidate.weight]))
            for part in (other.input.weight, other.input.bias, other.recurrent.weight):
                part[6:12] *= -1
        return other.step(x, CellState(h)).output - chung.step(x, CellState(h)).output

    assert copy().abs().max() > 0.01
    with torch.no_grad():
        chung.input.bias[:6] = 50.0
    torch.testing.assert_close(copy(), torch.zeros(4, 6), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("reset_after", "keeping"), [(False, -200.0), (True, 200.0)])
def test_a_shut_update_gate_keeps_the_state_to_the_bit(reset_after: bool, keeping: float) -> None:
    cell: GRU | ResetAfterGRU = cudnns() if reset_after else chungs()
    with torch.no_grad():
        cell.input.bias[6:12] = keeping
    h = torch.randn(4, 6)
    found = cell.step(torch.randn(4, 5), CellState(h)).output
    if reset_after:
        torch.testing.assert_close(found, h)
    else:
        assert torch.equal(found, h)
