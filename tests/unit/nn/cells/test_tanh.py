"""The simple recurrent layer against its equation and against torch's."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from nmt.nn.cells import CellState, TanhCell


def test_one_step_by_hand() -> None:
    cell = TanhCell.Config().build(1, 1)
    with torch.no_grad():
        cell.input.weight.fill_(2.0)
        cell.recurrent.weight.fill_(-0.5)
        cell.input.bias.fill_(0.1)
    state = cell.step(torch.tensor([[0.3]]), CellState(torch.tensor([[0.8]])))
    assert state.output.item() == pytest.approx(math.tanh(2.0 * 0.3 - 0.5 * 0.8 + 0.1))


def test_it_is_torchs() -> None:
    cell, theirs = TanhCell.Config().build(5, 6), nn.RNNCell(5, 6)
    with torch.no_grad():
        theirs.weight_ih.copy_(cell.input.weight)
        theirs.weight_hh.copy_(cell.recurrent.weight)
        theirs.bias_ih.copy_(cell.input.bias.normal_())
        theirs.bias_hh.zero_()
    x, h = torch.randn(4, 5), torch.randn(4, 6)
    torch.testing.assert_close(cell.step(x, CellState(h)).output, theirs(x, h), atol=1e-6, rtol=0)
