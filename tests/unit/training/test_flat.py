"""Flat parameters change where a model's numbers lie, not what they are."""

from __future__ import annotations

import torch
from torch import nn

from nmt.training.flat import FlatParameters
from nmt.training.optimizer import Adam


def _model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 3), nn.Linear(3, 3))


def test_training_is_that_of_separate_parameters() -> None:
    x = torch.randn(7, 3)
    separate, together = _model(), _model()
    flat = FlatParameters(together, extra=2)
    ours = Adam().build(flat.groups)
    theirs = torch.optim.Adam(separate.parameters(), betas=(0.9, 0.98))
    for optimizer in (ours, theirs):
        optimizer.param_groups[0]["lr"] = 0.01
    for _ in range(5):
        flat.zero()
        together(x).square().sum().backward()
        norm = torch.linalg.vector_norm(flat.gradients.mul_(0.5))
        ours.step()
        theirs.zero_grad()
        (0.5 * separate(x).square().sum()).backward()
        expected = torch.nn.utils.get_total_norm([p.grad for p in separate.parameters() if p.grad is not None])
        torch.testing.assert_close(norm, expected)
        theirs.step()
    for mine, other in zip(together.parameters(), separate.parameters(), strict=True):
        torch.testing.assert_close(mine, other)


def test_the_extra_floats_travel_with_the_gradients() -> None:
    flat = FlatParameters(_model(), extra=3)
    flat.extra += torch.tensor([1.0, 2.0, 3.0])
    assert flat.summed[-3:].tolist() == [1.0, 2.0, 3.0]
    flat.zero()
    assert not flat.extra.any()
