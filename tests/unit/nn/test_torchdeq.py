"""The solvers and gradients of torchdeq, by the authors of the DEQ, on the blocks of our model."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import pytest
import torch
import torchdeq
from torch import Tensor, nn

from nmt.models.deq import DEQ
from nmt.models.deq_blocks import DecoderBlock, EncoderBlock
from nmt.nn.equilibrium import Implicit, equilibrium
from nmt.nn.fixed_point import Anderson, Broyden, Map, Picard
from nmt.nn.held import hold
from tests.solver_limits import Limits

EXACT: Limits = {"tolerance": 1e-12, "max_iterations": 200}
OURS: dict[str, Any] = {"anderson": Anderson(**EXACT), "broyden": Broyden(**EXACT)}


class Block(NamedTuple):
    module: nn.Module
    map: Map
    x: Tensor


def block_of(kind: str, sentences: int = 3) -> Block:
    """In eval mode, with random input x of different lengths, in float64."""
    torch.manual_seed(0)
    config = DEQ.Config(model_dim=8, feedforward_dim=12, heads=2, initial_std=0.25)
    module = (EncoderBlock(config) if kind == "encoder" else DecoderBlock(config)).double().eval()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("bias"):
                parameter.add_(torch.randn_like(parameter))
    x = torch.randn(3, 5, 8, dtype=torch.float64)[:sentences].requires_grad_()
    real = torch.ones(3, 5, dtype=torch.bool)
    real[1, 3:] = False
    real, source = real[:sentences], torch.randn(3, 4, 8, dtype=torch.float64)[:sentences]
    held = hold(module)
    injections = held.inject(x)

    def read(z: Tensor) -> Tensor:
        out: Tensor = held(z, injections, real[:, None, None]) * real[:, :, None]
        return out

    if isinstance(module, EncoderBlock):
        return Block(module, read, x)
    memory, source_mask = module.project_memory(source), torch.ones(sentences, 4, dtype=torch.bool)

    def write(z: Tensor) -> Tensor:
        out: Tensor = held(z, injections, memory, source_mask)[0] * real[:, :, None]
        return out

    return Block(module, write, x)


@pytest.mark.parametrize("solver", OURS)
@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_fixed_points_and_implicit_gradients_are_torchdeqs(kind: str, solver: str) -> None:
    block = block_of(kind)
    start = torch.zeros_like(block.x)
    peer = torchdeq.get_deq(
        ift=True, f_solver=solver, b_solver=solver, f_max_iter=400, b_max_iter=400, f_tol=1e-12, b_tol=1e-12
    ).train()
    (theirs,), _ = peer(block.map, start)
    forward = Picard(**EXACT) if kind == "decoder" else OURS[solver]
    ours = equilibrium(block.map, start, forward, Implicit(solver=OURS[solver]), vector_axes=2)
    torch.testing.assert_close(ours.value, theirs, atol=1e-10, rtol=0)
    leaves = [*block.module.parameters(), block.x]
    direction = torch.randn_like(start)
    for one, other in zip(
        torch.autograd.grad((ours.value * direction).sum(), leaves, retain_graph=True, allow_unused=True),
        torch.autograd.grad((theirs * direction).sum(), leaves, allow_unused=True),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("solver", OURS)
def test_batch_mates_change_torchdeqs_result_but_not_ours(solver: str) -> None:
    """It goes on with all sentences until the hardest has converged."""
    hard, alone = block_of("encoder"), block_of("encoder", 1)
    rotation, constant = torch.linalg.qr(torch.randn(40, 40, dtype=torch.float64))[0], torch.randn(40).double()

    def mixed(z: Tensor) -> Tensor:
        turned = 0.97 * rotation @ z[2].flatten() + constant
        return torch.cat([hard.map(z)[:2], turned.view(1, 5, 8)])

    loose = OURS[solver].model_copy(update={"tolerance": 0.1})
    start = torch.zeros_like(hard.x)
    peer = torchdeq.get_deq(f_solver=solver, f_max_iter=40, f_tol=0.1, f_stop_mode="rel").eval()
    with torch.no_grad():
        (together,), _ = peer(mixed, start)
        (single,), _ = peer(alone.map, start[:1])
    assert (together[:1] - single).norm() / single.norm() > 1e-3
    ours = loose.solve(mixed, start, vector_axes=2).value[:1]
    difference = ours - loose.solve(alone.map, start[:1], vector_axes=2).value
    assert difference.abs().max() < 1e-12
    assert math.isfinite(float(ours.norm()))
