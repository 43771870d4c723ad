"""Weight norm and its folding."""

from __future__ import annotations

import torch
from torch import nn

from nmt.nn.linear.folding import fold
from nmt.nn.weight_norm import WeightNormLinear


def test_it_starts_as_its_direction_and_is_normed_per_output() -> None:
    layer = WeightNormLinear(5, 3, std=2.0)
    torch.testing.assert_close(layer.weight, layer.direction)
    with torch.no_grad():
        layer.magnitude.copy_(torch.tensor([1.0, 2.0, 3.0]))
        layer.direction.mul_(17.0)
    torch.testing.assert_close(layer.weight.norm(dim=1), torch.tensor([1.0, 2.0, 3.0]))


def test_folding_leaves_the_result_and_the_original() -> None:
    shared = nn.Linear(4, 4)
    model = nn.ModuleDict({"inner": nn.Sequential(WeightNormLinear(4, 4, std=1.0), shared), "shared": shared}).eval()
    x = torch.randn(2, 4)
    before = model["inner"](x)
    folded = fold(model)
    torch.testing.assert_close(folded["inner"](x), before)
    assert not any(isinstance(part, WeightNormLinear) for part in folded.modules())
    assert any(isinstance(part, WeightNormLinear) for part in model.modules())
    assert folded["shared"].weight is shared.weight
    folded.train()
    assert not any(part.training for part in model.modules())


def test_without_weight_norm_there_is_nothing_to_copy() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    assert fold(model) is model
