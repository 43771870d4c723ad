"""A state space model computes what its differential equation says, and starts as published."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from nmt.nn.diagonal_scan import plain_diagonal_scan
from nmt.nn.hippo import normal_hippo, normal_hippo_eigen
from nmt.nn.parameter_groups import REST, parameter_groups
from nmt.nn.state_space import StateSpace, StateSpaceOptions

DIM = 3
both = pytest.mark.parametrize("both_directions", [False, True])
every_discretization = pytest.mark.parametrize("discretization", ["zoh", "bilinear"])


def built(both_directions: bool = False, dim: int = DIM, **options: Any) -> StateSpace:
    """A model in float64, by default of 8 states in 2 blocks."""
    torch.manual_seed(0)
    config = StateSpaceOptions(**({"states": 8, "blocks": 2} | options))
    return StateSpace(dim, config, both_directions=both_directions).double()


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def complex_input(system: StateSpace) -> Tensor:
    """B, [P, D]."""
    weight = system.input.weight
    return torch.complex(weight[0::2], weight[1::2])


def complex_output(system: StateSpace) -> Tensor:
    """C, [D, P] or, in both directions, [D, 2P]."""
    weight = system.output.weight
    return torch.complex(weight[:, 0::2], -weight[:, 1::2])


@torch.no_grad()
def test_half_of_the_conjugate_pairs_compute_the_whole_real_system() -> None:
    """x' = S x + B u, y = C x with HiPPO-N as S in two blocks, made discrete by the matrix exponential."""
    step = 0.1
    system = built(step_range=(step, step))
    state, b, c = torch.block_diag(normal_hippo(4), normal_hippo(4)), drawn(8, DIM), drawn(DIM, 8)
    _, vectors = normal_hippo_eigen(4)
    basis = torch.block_diag(vectors[:, :2], vectors[:, :2])  # [8, 4]
    system.input.weight.copy_(torch.view_as_real(basis.mH @ b.to(basis.dtype)).transpose(1, 2).flatten(0, 1))
    system.output.weight.copy_(torch.view_as_real((c.to(basis.dtype) @ basis).conj().resolve_conj()).flatten(1))
    system.log_step.fill_(math.log(step))  # float64, as is HiPPO-N below
    eigenvalues = normal_hippo_eigen(4)[0][:2].repeat(2)
    system.eigenvalue_imaginary.copy_(eigenvalues.imag)
    decay = torch.linalg.matrix_exp(step * state)
    gain = torch.linalg.solve(state, decay - torch.eye(8, dtype=torch.float64)) @ b
    u, x, expected = drawn(1, 12, DIM), torch.zeros(8, dtype=torch.float64), []
    for now in u[0]:
        x = decay @ x + gain @ now
        expected.append(c @ x + system.feedthrough * now)
    torch.testing.assert_close(system(u)[0], torch.stack(expected), atol=1e-12, rtol=1e-12)


@torch.no_grad()
@both
@every_discretization
@pytest.mark.parametrize("conjugate_symmetry", [False, True])
def test_an_output_is_that_of_the_equations(
    both_directions: bool, discretization: str, conjugate_symmetry: bool
) -> None:
    system = built(both_directions, discretization=discretization, conjugate_symmetry=conjugate_symmetry)
    eigenvalues = torch.complex(system.eigenvalue_real, system.eigenvalue_imaginary)
    step = system.log_step.exp()
    if discretization == "zoh":
        decay = (eigenvalues * step).exp()
        b = ((decay - 1) / eigenvalues)[:, None] * complex_input(system)
    else:
        decay = (1 + step * eigenvalues / 2) / (1 - step * eigenvalues / 2)
        b = (step / (1 - step * eigenvalues / 2))[:, None] * complex_input(system)
    u = drawn(2, 7, DIM)
    driven = u.to(b.dtype) @ b.mT
    states = [plain_diagonal_scan(decay, driven, backwards=back) for back in (False, True)[: 1 + both_directions]]
    read = (torch.cat(states, -1) @ complex_output(system).mT).real
    torch.testing.assert_close(system(u), (2 if conjugate_symmetry else 1) * read + system.feedthrough * u)


@torch.no_grad()
def test_the_impulse_response_is_a_sum_of_decaying_turns() -> None:
    system = built()
    discrete = system.discrete()
    for feature in range(DIM):
        impulse = torch.zeros(1, 6, DIM, dtype=torch.float64)
        impulse[0, 0, feature] = 1.0
        found = system(impulse)[0]
        found[0, feature] -= system.feedthrough[feature]
        for k in range(6):
            driven = discrete.decay**k * discrete.gain * complex_input(system)[:, feature]
            torch.testing.assert_close(found[k], 2 * (complex_output(system) @ driven).real)


@torch.no_grad()
def test_steps_twice_as_long_meet_at_the_common_times_if_the_input_is_held() -> None:
    fine, coarse = built(), built()
    coarse.log_step.add_(math.log(2))
    u = drawn(2, 5, DIM)
    torch.testing.assert_close(fine(u.repeat_interleave(2, dim=1))[:, 1::2], coarse(u))


@torch.no_grad()
def test_reading_from_the_end_swaps_the_directions_output_matrices() -> None:
    system, swapped = built(both_directions=True), built(both_directions=True)
    swapped.output.weight.copy_(system.output.weight.roll(system.output.in_features // 2, dims=1))
    u = drawn(2, 6, DIM)
    assert (swapped(u) - system(u)).abs().max() > 1e-3
    torch.testing.assert_close(swapped(u.flip(1)).flip(1), system(u))


@torch.no_grad()
def test_steps_are_whole_sequences() -> None:
    system, u = built(), drawn(2, 9, DIM)
    discrete = system.discrete()
    state, steps = torch.zeros(2, 4, dtype=discrete.decay.dtype), []
    for now in u.unbind(1):
        y, state = system.step(now, state, discrete)
        steps.append(y)
    torch.testing.assert_close(torch.stack(steps, 1), system(u))


@torch.no_grad()
def test_tiny_steps_keep_their_digits() -> None:
    """Where a - 1, computed from a in float32, would have hardly any."""
    system = built(step_range=(1e-6, 1e-5))
    single, exact = built(step_range=(1e-6, 1e-5)).float().discrete(), system.discrete()
    torch.testing.assert_close(single.gain.to(exact.gain.dtype), exact.gain, rtol=1e-6, atol=0.0)


@torch.no_grad()
@every_discretization
def test_clipped_eigenvalues_decay_whatever_training_does(discretization: str) -> None:
    clipped, free = (built(discretization=discretization, clip_eigenvalues=clip) for clip in (True, False))
    for system in (clipped, free):
        system.eigenvalue_real.fill_(0.3)
    assert (clipped.discrete().decay.abs() < 1).all()
    assert (free.discrete().decay.abs() > 1).all()


def test_the_recurrence_is_in_float32_under_autocast_and_in_a_model_of_bfloat16() -> None:
    system, u = built(both_directions=True).float(), drawn(2, 100, DIM).float()
    expected = system(u)
    with torch.autocast("cpu", torch.bfloat16):
        assert system.discrete().decay.dtype == torch.complex64
        torch.testing.assert_close(system(u).float(), expected, atol=0.05, rtol=0.05)
    half = built(both_directions=True).bfloat16()
    assert half.discrete().decay.dtype == torch.complex64
    assert half(u.bfloat16()).dtype == torch.bfloat16


@both
def test_the_dynamics_are_a_group_without_weight_decay(both_directions: bool) -> None:
    model = nn.ModuleList([built(both_directions), built(learning_rate_factor=0.5)])
    groups = parameter_groups(model)
    dynamic = {"eigenvalue_real", "eigenvalue_imaginary", "log_step", "input.weight"}
    assert {name for name, group in groups.items() if group != REST} == {
        f"{i}.{name}" for i in (0, 1) for name in dynamic
    }
    for i, factor in ((0, 0.25), (1, 0.5)):
        assert {groups[f"{i}.{name}"] for name in dynamic} == {model[i].group}
        assert groups[f"{i}.log_step"].learning_rate_factor == factor
        assert not groups[f"{i}.log_step"].weight_decay


@both
def test_all_parameters_are_real(both_directions: bool) -> None:
    assert {each.dtype for each in built(both_directions).float().parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("start", "std"),
    # C V_c and V_c^* B have complex elements, of which both parts together have the variance of C's two and B's one
    [("lecun_normal", (2 / (64 * 96)) ** 0.5), ("truncated_normal", (2 / 64) ** 0.5), ("complex_normal", 1.0)],
)
def test_it_starts_as_published(start: str, std: float) -> None:
    system = built(True, 96, states=64, blocks=4, c_initialisation=start, step_range=(0.01, 0.2))
    eigenvalues, _ = normal_hippo_eigen(16)
    found = torch.complex(system.eigenvalue_real, system.eigenvalue_imaginary).detach()
    torch.testing.assert_close(found, eigenvalues[:8].repeat(4), atol=1e-5, rtol=1e-5)
    assert system.log_step.min() >= math.log(0.01)
    assert system.log_step.max() <= math.log(0.2)
    assert complex_output(system).std().item() == pytest.approx(std, rel=0.05)
    assert complex_input(system).std().item() == pytest.approx((1 / 64) ** 0.5, rel=0.05)
    assert system.feedthrough.std().item() == pytest.approx(1.0, rel=0.2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"states": 10, "blocks": 4}, "states must be a multiple of blocks, but 10 is not one of 4"),
        ({"states": 6, "blocks": 2}, "6 states in 2 blocks are 3 each"),
        ({"step_range": (0.1, 0.01)}, r"\[shortest, longest\]"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        StateSpaceOptions(**options)


def test_blocks_of_an_odd_size_are_possible_without_symmetry() -> None:
    assert StateSpaceOptions(states=6, blocks=2, conjugate_symmetry=False).stored == 6
