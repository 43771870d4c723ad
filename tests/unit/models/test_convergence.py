"""A DEQ that does not find its fixed points says so; one that does, says nothing."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from nmt.data.batch import Batch, collate
from nmt.models.convergence import BACKWARD_LIMIT, FORWARD_LIMIT, concern
from nmt.models.deq import DEQ
from nmt.nn.equilibrium import Gradient, Implicit, Phantom
from nmt.nn.fixed_point import Anderson, Picard
from nmt.training.objectives.likelihood import cross_entropy
from nmt.training.statistics import numbers

HEALTHY = {
    "encoder_iterations": 10.0,
    "encoder_residual": 0.045,
    "encoder_backward_iterations": 10.0,
    "encoder_backward_residual": 0.16,
    "decoder_iterations": 10.0,
    "decoder_residual": 0.03,
    "decoder_backward_iterations": 10.0,
    "decoder_backward_residual": 0.1,
}
"""Of a start in bf16, with all iterations used up."""


def test_above_the_tolerance_is_not_above_the_limit() -> None:
    assert concern(HEALTHY, implicit=True) == ""
    assert concern({}, implicit=True) == ""


@pytest.mark.parametrize("value", [0.12, math.inf, math.nan])
@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_a_forward_residual_above_the_limit(part: str, value: float) -> None:
    assert value < BACKWARD_LIMIT or not math.isfinite(value)
    text = concern(HEALTHY | {f"{part}_residual": value}, implicit=True)
    assert f"the {part}'s relative residual is {value:.2g} after 10 iterations" in text
    assert f"model.{part}_solver.max_iterations" in text
    assert "gradient.solver" not in text


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_a_backward_residual_above_the_limit(part: str) -> None:
    text = concern(HEALTHY | {f"{part}_backward_residual": 0.7}, implicit=True)
    assert f"{part}'s gradient is 0.7 after 10 iterations" in text
    assert "model.gradient.solver.max_iterations" in text
    assert f"{part}_solver" not in text


def test_the_limits_belong_to_what_is_well() -> None:
    at = {"encoder_residual": FORWARD_LIMIT, "encoder_backward_residual": BACKWARD_LIMIT}
    assert concern(HEALTHY | at, implicit=True) == ""


def test_remedies_come_in_their_order_and_only_those_that_are_left() -> None:
    bad = HEALTHY | {"encoder_residual": 0.3}
    keys = ["pretraining.updates", "max_iterations", "jacobian.weight", "gradient.kind: phantom", "learning_rate"]
    places = [concern(bad, implicit=True).index(key) for key in [*keys, "clip_norm"]]
    assert places == sorted(places)
    assert "phantom" not in concern(bad, implicit=False)


def model(gradient: Gradient, **changes: Any) -> DEQ:
    torch.manual_seed(3)
    sizes: dict[str, Any] = {"model_dim": 32, "feedforward_dim": 64, "heads": 4}
    solvers: dict[str, Any] = {
        "encoder_solver": Anderson(max_iterations=15),
        "decoder_solver": Picard(max_iterations=15),
    }
    return DEQ.Config(**(sizes | solvers | changes), gradient=gradient).build(20, 20)


def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    rows = [torch.randint(4, 20, (3 + n,), generator=generator).tolist() for n in range(6)]
    return collate(rows, rows[::-1])


def reported(network: DEQ) -> dict[str, float]:
    objective = cross_entropy(network, batch(), 0.1)
    objective.loss.backward()
    return numbers(objective.statistics)


GRADIENTS = [Implicit(solver=Anderson(max_iterations=15)), Phantom()]


@pytest.mark.parametrize("gradient", GRADIENTS, ids=["implicit", "phantom"])
def test_a_fresh_network_is_well_and_one_with_large_weights_is_not(gradient: Gradient) -> None:
    network = model(gradient)
    assert network.concern(reported(network)) == ""
    with torch.no_grad():
        for block in (network.encoder, network.decoder):
            for parameter in block.parameters():
                parameter.mul_(12.0)
    statistics = reported(network)
    text = network.concern(statistics)
    for part in ("encoder", "decoder"):
        assert f"the {part}'s relative residual is {statistics[f'{part}_residual']:.2g}" in text
    assert ("implicit gradients are unreliable" in text) == isinstance(gradient, Implicit)


def test_explicit_steps_have_no_fixed_point_to_miss() -> None:
    network = model(Implicit(), explicit_steps=3, initial_std=1.0)
    assert reported(network) == {}
    assert network.concern({}) == ""
