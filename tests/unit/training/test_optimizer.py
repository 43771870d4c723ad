"""Optimisers against their equations, written out."""

from __future__ import annotations

import pytest
import torch
from torch.optim import Optimizer

from nmt.training.optimizer import NAG, SGD, Adam, AdamThenSGD, OptimizerOptions


def parameter() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.linspace(-1, 1, 8, dtype=torch.float64))


def step(optimizer: Optimizer, values: torch.nn.Parameter, rate: float) -> None:
    """One update downhill on sum(x^4)."""
    values.grad = 4 * values.data**3
    optimizer.param_groups[0]["lr"] = rate
    optimizer.step()


def test_nag_is_fairseqs_also_when_the_rate_changes() -> None:
    """v <- mu v (lr / lr_old) - lr g;  p <- p + mu^2 v_old (lr / lr_old) - (1 + mu) lr g (Sutskever's form)."""
    values = parameter()
    optimizer, expected, velocity, before, mu = NAG(momentum=0.9).build(values), values.data.clone(), 0.0, 0.1, 0.9
    for rate in (0.1, 0.1, 0.05, 0.005, 0.005):
        step(optimizer, values, rate)
        gradient = 4 * expected**3
        expected = expected + mu * mu * velocity * (rate / before) - (1 + mu) * rate * gradient
        velocity, before = mu * velocity * (rate / before) - rate * gradient, rate
        torch.testing.assert_close(values.data, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("stop_after", [1, 3, 4])
def test_adam_then_sgd_is_one_after_the_other_also_when_resumed(stop_after: int) -> None:
    """Three updates by Adam, then SGD; a copy that takes over the state at any point goes on in the right phase."""
    options = AdamThenSGD(adam_updates=3, adam_learning_rate=0.01)
    values, expected = parameter(), parameter()
    optimizer = options.build(values)
    adam, sgd = Adam(betas=options.betas).build(expected), SGD().build(expected)
    for number in range(1, 7):
        step(optimizer, values, options.rate(number, 0.5))
        step(adam if number <= 3 else sgd, expected, 0.01 if number <= 3 else 0.5)
        torch.testing.assert_close(values, expected)
        if number == stop_after:
            state = {name: value.clone() for name, value in optimizer.state[values].items()}
            optimizer = options.build(values)
            optimizer.state[values].update(state)
    assert set(optimizer.state[values]) == {"step"}  # Adam's moments are given up


@pytest.mark.parametrize("options", [Adam(), SGD(momentum=0.5), NAG()])
def test_the_rate_is_the_schedules(options: OptimizerOptions) -> None:
    assert options.rate(7, 0.25) == 0.25
