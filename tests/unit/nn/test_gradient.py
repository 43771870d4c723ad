"""Scaled gradients."""

from __future__ import annotations

import torch

from nmt.nn.gradient import scale_gradient


def test_the_value_stays_and_the_gradient_shrinks() -> None:
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    scaled = scale_gradient(x, 0.25)
    assert torch.equal(scaled, x)
    (scaled * torch.tensor([4.0, 8.0])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 2.0]
