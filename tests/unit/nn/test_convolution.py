"""Gated convolutions against torch's, and their steps against themselves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import conv1d, glu, linear, pad

from nmt.nn.convolution import Gate, GatedConvolution


@given(kernel=st.integers(1, 5), length=st.integers(1, 8), causal=st.booleans())
def test_it_is_a_convolution_and_a_gate(kernel: int, length: int, causal: bool) -> None:
    layer = GatedConvolution(3, 4, kernel, dropout=0.0)
    x = torch.randn(2, length, 3)
    weight = layer.linear.weight.view(8, kernel, 3).transpose(1, 2)  # [outputs, inputs, taps], the oldest first
    left = kernel - 1 if causal else (kernel - 1) // 2
    padded = pad(x.transpose(1, 2), (left, kernel - 1 - left))
    expected = glu(conv1d(padded, weight, layer.linear.bias), dim=1).transpose(1, 2)
    torch.testing.assert_close(layer(x, causal=causal), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_steps_give_the_causal_convolution(kernel: int) -> None:
    layer = GatedConvolution(3, 4, kernel, dropout=0.0)
    x = torch.randn(2, 6, 3)
    past, outputs = layer.empty(x, 2), []
    for position in range(6):
        output, past = layer.step(x[:, position], past)
        outputs.append(output)
    torch.testing.assert_close(torch.stack(outputs, 1), layer(x, causal=True))


@pytest.mark.parametrize(
    ("gate", "combined"),
    [
        ("glu", lambda a, b: a * torch.sigmoid(b)),
        ("gtu", lambda a, b: torch.tanh(a) * torch.sigmoid(b)),
        ("bilinear", lambda a, b: a * b),
    ],
)
def test_gates_combine_the_two_halves(gate: Gate, combined: Callable[[Tensor, Tensor], Tensor]) -> None:
    layer = GatedConvolution(3, 4, 1, dropout=0.0, gate=gate)
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(layer(x, causal=True), combined(*layer.linear(x).chunk(2, dim=-1)))


def test_without_a_gate_there_is_no_second_half() -> None:
    layer = GatedConvolution(3, 4, 1, dropout=0.0, gate="linear")
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(layer(x, causal=True), linear(x, layer.linear.weight, layer.linear.bias))


@pytest.mark.parametrize("gate", ["glu", "gtu", "bilinear", "linear"])
def test_initially_a_signal_keeps_about_its_size(gate: Gate) -> None:
    torch.manual_seed(1)
    layer = GatedConvolution(256, 256, 4, dropout=0.0, gate=gate)
    assert 0.4 < layer(torch.randn(4, 50, 256), causal=True).std().item() < 1.5
