"""Optimisers against their equations, written out."""

from __future__ import annotations

import pytest
import torch
from torch.optim import Optimizer

from nmt.nn.parameter_groups import REST, ParameterGroup
from nmt.training.flat import FlatGroup
from nmt.training.optimizer import NAG, SGD, Adam, AdamThenSGD, AdamW, OptimizerOptions, set_learning_rate


def parameter() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.linspace(-1, 1, 8, dtype=torch.float64))


def alone(values: torch.nn.Parameter, group: ParameterGroup = REST) -> FlatGroup:
    return FlatGroup(group, values, {"weight": (0, values.shape)})


def step(optimizer: Optimizer, values: torch.nn.Parameter, rate: float) -> None:
    """One update downhill on sum(x^4)."""
    values.grad = 4 * values.data**3
    set_learning_rate(optimizer, rate)
    optimizer.step()


def test_nag_is_fairseqs_also_when_the_rate_changes() -> None:
    """v <- mu v (lr / lr_old) - lr g;  p <- p + mu^2 v_old (lr / lr_old) - (1 + mu) lr g (Sutskever's form)."""
    values = parameter()
    optimizer = NAG(momentum=0.9).build([alone(values)])
    expected, velocity, before, mu = values.data.clone(), torch.zeros_like(values.data), 0.1, 0.9
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
    optimizer = options.build([alone(values)])
    adam, sgd = Adam(betas=options.betas).build([alone(expected)]), SGD().build([alone(expected)])
    for number in range(1, 7):
        step(optimizer, values, options.rate(number, 0.5))
        step(adam if number <= 3 else sgd, expected, 0.01 if number <= 3 else 0.5)
        torch.testing.assert_close(values, expected)
        if number == stop_after:
            state = {name: value.clone() for name, value in optimizer.state[values].items()}
            optimizer = options.build([alone(values)])
            optimizer.state[values].update(state)
    assert set(optimizer.state[values]) == {"step"}  # Adam's moments are given up


@pytest.mark.parametrize("options", [Adam(), SGD(momentum=0.5), NAG()])
def test_the_rate_is_the_schedules(options: OptimizerOptions) -> None:
    assert options.rate(7, 0.25) == 0.25


@pytest.mark.parametrize("options", [Adam(), AdamW(weight_decay=0.1), SGD(momentum=0.5), NAG(), AdamThenSGD()])
def test_groups_are_as_optimisers_of_their_own(options: OptimizerOptions) -> None:
    """Half the rate and no decay for some parameters, whatever the others do."""
    values, other = parameter(), parameter()
    slow = ParameterGroup("slow", learning_rate_factor=0.5, weight_decay=False)
    together = options.build([alone(values), alone(other, slow)])
    expected, expected_other = parameter(), parameter()
    apart = options.build([alone(expected)])
    without_decay = options.model_copy(update={"weight_decay": 0.0} if isinstance(options, AdamW) else {})
    apart_other = without_decay.build([alone(expected_other)])
    for rate in (0.1, 0.05, 0.02):
        other.grad = 4 * other.data**3
        step(together, values, rate)
        step(apart, expected, rate)
        step(apart_other, expected_other, rate / 2)
    assert torch.equal(values, expected)
    assert torch.equal(other, expected_other)
