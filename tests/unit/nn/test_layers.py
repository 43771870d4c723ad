from __future__ import annotations

import torch
from torch import nn

from nmt.nn.layers import Layers


def test_layers_are_what_a_module_list_is() -> None:
    """The same names of weights, and slices that are lists again."""
    made = [nn.Linear(2, 2) for _ in range(3)]
    layers = Layers(made)
    assert list(layers) == made
    assert layers[-1] is made[2]
    assert isinstance(layers[1:], Layers)
    assert list(layers.state_dict()) == list(nn.ModuleList(made).state_dict())
    lowest, *upper = layers
    assert lowest(torch.ones(1, 2)).shape == (1, 2)
    assert len(upper) == 2
