"""The LSTM against its equations, and its fused kernel against its steps."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nmt.nn.cells import LSTM
from nmt.nn.cells.lstm import LSTMState
from nmt.nn.clipping import AnnealedLimit, Clipping


def step_by_step(cell: LSTM, x: Tensor) -> Tensor:
    state, outputs = cell.empty(x, len(x)), []
    for position in range(x.shape[1]):
        state = cell.step(x[:, position], state)
        outputs.append(state.output)
    return torch.stack(outputs, 1)


def test_one_step_by_hand() -> None:
    cell = LSTM.Config(forget_bias=0.0).build(1, 1)
    with torch.no_grad():
        cell.input.weight.copy_(torch.tensor([[1.0], [2.0], [3.0], [4.0]]))
        cell.recurrent.weight.zero_()
    state = cell.step(torch.tensor([[0.5]]), LSTMState(torch.zeros(1, 1), torch.tensor([[2.0]])))

    def sigmoid(z: float) -> float:
        return 1 / (1 + math.exp(-z))

    expected = sigmoid(1.0) * 2.0 + sigmoid(0.5) * math.tanh(1.5)
    assert state.memory.item() == pytest.approx(expected)
    assert state.output.item() == pytest.approx(sigmoid(2.0) * math.tanh(expected))


def test_without_tanh_the_memory_leaves_as_it_is() -> None:
    cell = LSTM.Config(output_tanh=False).build(3, 2)
    x = torch.randn(4, 3)
    state = cell.step(x, cell.empty(x, 4))
    gate = torch.sigmoid(cell.project(x)[:, 6:])
    torch.testing.assert_close(state.output, gate * state.memory)


@pytest.mark.parametrize("length", [1, 7])
def test_the_fused_kernel_gives_the_steps_values_and_gradients(length: int) -> None:
    cell = LSTM.Config().build(5, 6)
    x = torch.randn(3, length, 5, requires_grad=True)
    weights = [x, *cell.parameters()]
    fused, stepped = cell(x), step_by_step(cell, x)
    torch.testing.assert_close(fused, stepped)
    towards = torch.randn_like(fused)
    for one, other in zip(
        torch.autograd.grad((fused * towards).sum(), weights),
        torch.autograd.grad((stepped * towards).sum(), weights),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_gradients_do_not_need_training_mode() -> None:
    cell = LSTM.Config().build(5, 6).eval()
    cell(torch.randn(2, 3, 5)).sum().backward()
    assert cell.recurrent.weight.grad is not None
    assert cell.recurrent.weight.grad.any()


def limited(cell: LSTM, delta: float) -> LSTM:
    """The same weights with a bound."""
    bound = AnnealedLimit(Clipping(start=delta, until_update=1))
    other = LSTM.Config(output_tanh=cell.output_tanh).build(cell.inputs, cell.width, bound)
    other.load_state_dict({**cell.state_dict(), "limit.delta": torch.tensor(delta)})
    return other


def test_a_limit_bounds_memory_and_output() -> None:
    cell = LSTM.Config(output_tanh=False, forget_bias=5.0).build(2, 3)
    with torch.no_grad():
        cell.input.weight.fill_(1.0)
        cell.recurrent.weight.fill_(1.0)
    x = torch.ones(1, 30, 2)
    assert cell(x).abs().max() > 1.0
    assert limited(cell, 0.5)(x).abs().max() <= 0.5
    torch.testing.assert_close(limited(cell, 1e9)(x), step_by_step(cell, x))


def test_the_forget_gate_starts_open() -> None:
    cell = LSTM.Config(forget_bias=1.5).build(2, 3)
    assert cell.input.bias.tolist() == [0.0] * 3 + [1.5] * 3 + [0.0] * 6


@pytest.mark.parametrize("output_tanh", [True, False], ids=["fused", "stepped"])
@pytest.mark.parametrize("left", [True, False])
def test_padding_leaves_the_state_as_it_is(output_tanh: bool, left: bool) -> None:
    """Each sequence is read as it is alone, and gradients do not leave it for what pads it, however large that is."""
    cell = LSTM.Config(output_tanh=output_tanh).build(5, 6)
    lengths, longest = [7, 1, 4], 7
    x = (100 * torch.randn(3, longest, 5)).requires_grad_()
    places = torch.arange(longest)
    mask = torch.stack([places >= longest - n if left else places < n for n in lengths])
    with torch.no_grad():
        x[mask] /= 100
    outputs, state = cell.read(x, mask)
    expected = []
    for row, real in enumerate(mask):
        alone = step_by_step(cell, x[row, real][None])
        torch.testing.assert_close(outputs[row, real], alone[0])
        ended = cell.empty(x, 1)
        for token in x[row, real]:
            ended = cell.step(token[None], ended)
        expected.append(ended)
    last = [torch.cat(parts) for parts in zip(*(ended.tensors() for ended in expected), strict=True)]
    torch.testing.assert_close(state.tensors(), last)
    weights = [x, *cell.parameters()]
    gradients = torch.autograd.grad([part.sum() for part in state.tensors()], weights)
    assert not gradients[0][~mask].any()
    for one, other in zip(gradients, torch.autograd.grad([part.sum() for part in last], weights), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_a_limit_holds_for_padded_sequences_too() -> None:
    cell = LSTM.Config().build(2, 3)
    x, mask = torch.randn(4, 5, 2), torch.arange(5) < torch.tensor([[5], [1], [3], [2]])
    _, state = limited(cell, 0.05).read(x, mask)
    assert state.memory.abs().max() <= 0.05
    assert state.output.abs().max() <= 0.05
    (wide, wide_state), (fused, fused_state) = limited(cell, 1e9).read(x, mask), cell.read(x, mask)
    torch.testing.assert_close(wide[mask], fused[mask])
    torch.testing.assert_close(wide_state.tensors(), fused_state.tensors())
