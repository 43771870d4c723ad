"""Gated convolutions against torch's, and their steps against themselves."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import conv1d, glu, pad

from nmt.nn.convolution import GatedConvolution


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
