from __future__ import annotations

import pytest
import torch
from torch import nn

from nmt.nn.initial import Uniform


def test_matrices_are_drawn_and_biases_start_at_zero() -> None:
    layer = nn.Linear(50, 60)
    Uniform(0.2).draw_linear(layer)
    assert layer.weight.abs().max() <= 0.2
    assert layer.weight.std().item() == pytest.approx(0.2 / 3**0.5, rel=0.1)
    assert not layer.bias.any()


def test_what_is_added_to_a_bias_stays_within_its_range() -> None:
    bias = nn.Parameter(torch.full((1000,), 3.0))
    Uniform(9.0, biases=0.5).shift(bias)
    assert bias.min() >= 2.5
    assert bias.max() <= 3.5
    assert bias.std().item() == pytest.approx(0.5 / 3**0.5, rel=0.1)
