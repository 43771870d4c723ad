"""The LSTM with peepholes against its equations, and against torch's, which has none."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from nmt.nn.cells import PeepholeLSTM
from nmt.nn.cells.lstm import LSTMState
from nmt.nn.initial import Uniform


def test_one_step_by_hand() -> None:
    """The input and forget gates see the old memory, the output gate the new one."""
    cell = PeepholeLSTM.Config(forget_bias=0.0).build(1, 1)
    with torch.no_grad():
        cell.input.weight.copy_(torch.tensor([[1.0], [2.0], [3.0], [4.0]]))
        cell.recurrent.weight.copy_(torch.tensor([[0.1], [0.2], [0.3], [0.4]]))
        cell.peepholes.copy_(torch.tensor([0.5, -0.7, 0.9]))
    x, m, c = 0.5, -0.6, 2.0
    state = cell.step(torch.tensor([[x]]), LSTMState(torch.tensor([[m]]), torch.tensor([[c]])))

    def sigmoid(z: float) -> float:
        return 1 / (1 + math.exp(-z))

    i, f = sigmoid(x + 0.1 * m + 0.5 * c), sigmoid(2 * x + 0.2 * m - 0.7 * c)
    memory = f * c + i * math.tanh(3 * x + 0.3 * m)
    assert state.memory.item() == pytest.approx(memory)
    assert state.output.item() == pytest.approx(sigmoid(4 * x + 0.4 * m + 0.9 * memory) * math.tanh(memory))


def test_it_starts_as_torchs_lstm() -> None:
    torch.manual_seed(5)
    cell, theirs = PeepholeLSTM.Config(forget_bias=1.5).build(5, 6), nn.LSTMCell(5, 6)
    cell.initialise(Uniform(0.5))
    with torch.no_grad():
        theirs.weight_ih.copy_(cell.input.weight)
        theirs.weight_hh.copy_(cell.recurrent.weight)
        theirs.bias_ih.zero_()
        theirs.bias_ih[6:12] = 1.5
        theirs.bias_hh.zero_()
    x, m, c = torch.randn(4, 5), torch.randn(4, 6), torch.randn(4, 6)
    after = cell.step(x, LSTMState(m, c))
    torch.testing.assert_close((after.output, after.memory), theirs(x, (m, c)), atol=1e-6, rtol=0)


def test_a_closed_input_gate_and_an_open_forget_gate_keep_the_memory() -> None:
    cell = PeepholeLSTM.Config().build(2, 3)
    with torch.no_grad():
        cell.peepholes.uniform_(-1, 1)
        cell.input.bias[:3], cell.input.bias[3:6] = -1e4, 1e4
    memory = torch.randn(4, 3)
    assert torch.equal(cell.step(torch.randn(4, 2), LSTMState(torch.randn(4, 3), memory)).memory, memory)
