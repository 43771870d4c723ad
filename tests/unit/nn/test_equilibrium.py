"""Gradients of fixed points against backpropagation through many steps, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from nmt.models.deq import DEQ
from nmt.models.deq_blocks import EncoderBlock
from nmt.nn.equilibrium import Equilibrium, Gradient, Implicit, JacobianPenalty, Phantom, equilibrium, unroll
from nmt.nn.fixed_point import Anderson, Broyden, Map, Picard
from nmt.nn.held import hold
from tests.solver_limits import Limits

EXACT: Limits = {"tolerance": 1e-13, "max_iterations": 150}
FORWARD = Anderson(**EXACT)


class Problem:
    """A block of the model with dropout, its input x, and sentences of different lengths."""

    def __init__(self, dropout: float = 0.2, sizes: tuple[int, int, int] = (3, 4, 8)) -> None:
        torch.manual_seed(0)
        config = DEQ.Config(
            model_dim=sizes[2],
            feedforward_dim=12,
            heads=2,
            initial_std=0.25,
            dropout=dropout,
            attention_dropout=dropout,
            activation_dropout=dropout,
        )
        self.block = EncoderBlock(config).double().train(dropout > 0)
        with torch.no_grad():
            for name, parameter in self.block.named_parameters():
                if name.endswith("bias"):  # they make it contract
                    parameter.add_(torch.randn_like(parameter))
        self.x = torch.randn(sizes, dtype=torch.float64, requires_grad=True)
        self.real = torch.ones(sizes[:2], dtype=torch.bool)
        self.real[1:, -1] = False
        self.start = torch.zeros_like(self.x)
        self.direction = torch.randn(sizes, dtype=torch.float64)

    def map(self) -> Map:
        """One function, with masks drawn from this seed."""
        torch.manual_seed(5)
        held = hold(self.block, "sentence")
        injections = held.inject(self.x)

        def f(z: Tensor) -> Tensor:
            mapped: Tensor = held(z, injections, self.real[:, None, None])
            return mapped * self.real[:, :, None]

        f(self.start)  # draws the masks
        return f

    def gradient_of(self, value: Tensor) -> dict[str, Tensor]:
        """That of a loss, for the weights and for the input."""
        leaves = {**dict(self.block.named_parameters()), "x": self.x}
        loss = (value * self.direction).sum() + value.square().mean()
        found = torch.autograd.grad(loss, list(leaves.values()))
        return dict(zip(leaves, found, strict=True))

    def solved(self, gradient: Gradient, **options: Any) -> Equilibrium:
        return equilibrium(self.map(), self.start, FORWARD, gradient, vector_axes=2, **options)

    def unrolled(self) -> dict[str, Tensor]:
        return self.gradient_of(unroll(self.map(), self.start, 300))


def relative_error(actual: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    difference = sum(float((actual[name] - expected[name]).square().sum()) for name in expected)
    return math.sqrt(difference / sum(float(tensor.square().sum()) for tensor in expected.values()))


@pytest.fixture(scope="module")
def problem() -> Problem:
    return Problem()


@pytest.fixture(scope="module")
def expected(problem: Problem) -> dict[str, Tensor]:
    return problem.unrolled()


@pytest.mark.parametrize("solver", [Picard(**EXACT), Anderson(**EXACT), Broyden(**EXACT)], ids=lambda s: str(s.kind))
def test_implicit_gradients_are_those_of_backpropagation_through_many_steps(
    problem: Problem, expected: dict[str, Tensor], solver: Any
) -> None:
    """With every kind of dropout, its masks held."""
    found = problem.solved(Implicit(solver=solver))
    gradient = problem.gradient_of(found.value)
    assert relative_error(gradient, expected) < 1e-10
    for name, tensor in expected.items():
        assert relative_error({name: gradient[name]}, {name: tensor}) < 1e-8, name
    assert (found.forward.residual <= 1e-13).all()
    assert (found.backward["residual"] <= 1e-13).all()
    assert (found.backward["iterations"] > 3).all()


def test_a_loose_backward_tolerance_bounds_the_error(problem: Problem, expected: dict[str, Tensor]) -> None:
    errors = []
    for tolerance in (1e-1, 1e-3, 1e-6):
        found = problem.solved(Implicit(solver=Anderson(tolerance=tolerance, max_iterations=50)))
        errors.append(relative_error(problem.gradient_of(found.value), expected))
        assert (found.backward["residual"] <= tolerance).all()
        assert errors[-1] < 10 * tolerance
    assert errors[0] > errors[1] > errors[2]


def test_the_backward_residual_is_measured_by_the_gradient_of_the_loss(problem: Problem) -> None:
    """After one iteration it is |J'w| / |w|, for each sentence."""
    found = problem.solved(Implicit(solver=Picard(tolerance=0.0, max_iterations=1)))
    (found.value * problem.direction).sum().backward()
    z = found.forward.value.requires_grad_()
    (back,) = torch.autograd.grad(problem.map()(z), z, problem.direction)
    expected = back.flatten(1).norm(dim=1) / problem.direction.flatten(1).norm(dim=1)
    torch.testing.assert_close(found.backward["residual"], expected)
    assert found.backward["iterations"].tolist() == [1, 1, 1]


def test_phantom_gradients_come_closer_with_steps(problem: Problem, expected: dict[str, Tensor]) -> None:
    errors, cosines = [], []
    for steps in (1, 5, 12):
        gradient = problem.gradient_of(problem.solved(Phantom(steps=steps)).value)
        errors.append(relative_error(gradient, expected))
        cosines.append(cosine(gradient, expected))
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert 0.5 < cosines[0] < cosines[1] < cosines[2] < 1.0


@pytest.mark.parametrize("gradient", [Phantom(steps=100), Phantom(steps=200, damping=0.5)])
def test_many_phantom_steps_are_backpropagation(
    problem: Problem, expected: dict[str, Tensor], gradient: Phantom
) -> None:
    assert relative_error(problem.gradient_of(problem.solved(gradient).value), expected) < 1e-9


def test_one_damped_phantom_step_shortens_the_gradient(problem: Problem) -> None:
    """z + (f(z) - z) / 2 has half the derivative of f by the weights."""
    whole = problem.gradient_of(problem.solved(Phantom(steps=1)).value)
    half = problem.gradient_of(problem.solved(Phantom(steps=1, damping=0.5)).value)
    assert relative_error(half, {name: tensor / 2 for name, tensor in whole.items()}) < 1e-9


def cosine(actual: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    one, other = (torch.cat([found[name].flatten() for name in expected]) for found in (actual, expected))
    return float(torch.nn.functional.cosine_similarity(one, other, dim=0))


def test_a_sentence_has_the_gradient_that_it_has_alone() -> None:
    """Its batch mates end the backward solver neither earlier nor later."""
    problem = Problem(dropout=0.0)
    gradient = Implicit(solver=Anderson(tolerance=1e-2, max_iterations=50))
    (together,) = torch.autograd.grad((problem.solved(gradient).value * problem.direction).sum(), problem.x)
    for row in range(3):
        alone = Problem(dropout=0.0)
        alone.x = problem.x[row : row + 1].detach().requires_grad_()
        alone.real, alone.start = problem.real[row : row + 1], problem.start[row : row + 1]
        found = alone.solved(gradient)
        (one,) = torch.autograd.grad((found.value * problem.direction[row]).sum(), alone.x)
        torch.testing.assert_close(one[0], together[row], atol=1e-11, rtol=0)


def test_without_gradients_the_value_is_the_same(problem: Problem) -> None:
    with torch.no_grad():
        found = problem.solved(Implicit())
    assert torch.equal(found.value, problem.solved(Implicit()).value)
    assert not found.value.requires_grad
    assert found.backward == {}


# Penalty


def penalties(problem: Problem, f: Map, z: Tensor, penalty: JacobianPenalty, draws: int) -> list[Tensor | None]:
    """At about z: the solver is satisfied at once."""
    easy = Picard(tolerance=1.0, max_iterations=1)
    return [equilibrium(f, z, easy, Phantom(steps=1), vector_axes=2, jacobian=penalty).penalty for _ in range(draws)]


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_the_penalty_is_the_mean_square_of_the_jacobian(dropout: float) -> None:
    """Without dropout attention is fused, which has no second derivative."""
    problem = Problem(dropout, sizes=(2, 3, 4))
    f, z = problem.map(), problem.solved(Implicit()).forward.value
    n = problem.x.shape.numel()
    jacobian = torch.autograd.functional.jacobian(f, z).reshape(n, n)
    exact = float(jacobian.square().sum() / (4 * problem.real.sum()))
    drawn = penalties(problem, f, z, JacobianPenalty(weight=2.0, frequency=1.0), 300)
    values = torch.stack([value.detach() for value in drawn if value is not None])
    error = float(values.std()) / math.sqrt(len(values))
    assert len(values) == 300
    assert error < 0.1 * exact
    assert abs(float(values.mean()) - 2.0 * exact) < 4 * error
    assert drawn[0] is not None
    gradient: tuple[Tensor | None, ...] = torch.autograd.grad(
        drawn[0], list(problem.block.parameters()), allow_unused=True
    )
    assert sum(part is not None and bool(part.any()) for part in gradient) > 8


def test_the_gradient_of_the_penalty_is_that_of_the_jacobian(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem(0.0, sizes=(2, 3, 4))
    f, z = problem.map(), problem.solved(Implicit()).forward.value
    z, probe = f(z).detach(), torch.randn(2, 3, 4, dtype=torch.float64)
    weights = [parameter for name, parameter in problem.block.named_parameters() if "injection" not in name]
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        jacobian = torch.autograd.functional.jacobian(f, z, create_graph=True).reshape(24, 24)
    exact = (probe.flatten() @ jacobian).square().sum() / (4 * problem.real.sum())
    monkeypatch.setattr(torch, "randn_like", lambda _: probe)
    before = problem.solved(Implicit()).forward.value
    (found,) = penalties(problem, f, before, JacobianPenalty(weight=1.0, frequency=1.0), 1)
    assert found is not None
    assert float(found.detach()) == pytest.approx(float(exact.detach()), rel=1e-6)
    expected = torch.autograd.grad(exact, weights, allow_unused=True, retain_graph=True)
    actual = torch.autograd.grad(found, weights, allow_unused=True)
    for one, other in zip(actual, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-5)


def test_some_batches_have_the_penalty_as_torchs_generator_decides(problem: Problem) -> None:
    f, z = problem.map(), problem.start
    often = JacobianPenalty(weight=1.0, frequency=0.3)

    def drawn(seed: int) -> list[bool]:
        torch.manual_seed(seed)
        return [penalty is not None for penalty in penalties(problem, f, z, often, 100)]

    first = drawn(1)
    assert 15 < sum(first) < 50
    assert drawn(1) == first != drawn(2)
    assert not any(penalties(problem, f, z, JacobianPenalty(weight=0.0, frequency=1.0), 3))


# Cost


def kept_bytes(build: Callable[[], object]) -> int:
    """What autograd keeps for the way back, each storage once."""
    storages: dict[int, Any] = {}

    def keep(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()  # held, so no address comes twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = build()
    assert result is not None
    return sum(int(storage.nbytes()) for storage in storages.values())


def test_memory_does_not_grow_with_iterations_but_does_with_explicit_steps(problem: Problem) -> None:
    def implicit(iterations: int) -> int:
        solver = Anderson(tolerance=0.0, max_iterations=iterations)
        return kept_bytes(lambda: equilibrium(problem.map(), problem.start, solver, Implicit(), vector_axes=2).value)

    def explicit(steps: int) -> int:
        return kept_bytes(lambda: unroll(problem.map(), problem.start, steps))

    assert implicit(10) == implicit(40) > 0
    growth = explicit(20) - explicit(10)
    assert explicit(40) - explicit(20) == 2 * growth > 0
    assert implicit(40) < explicit(3)


def test_phantom_memory_grows_with_its_steps_alone(problem: Problem) -> None:
    def phantom(steps: int, iterations: int) -> int:
        solver = Anderson(tolerance=0.0, max_iterations=iterations)
        return kept_bytes(
            lambda: equilibrium(problem.map(), problem.start, solver, Phantom(steps=steps), vector_axes=2).value
        )

    assert phantom(3, 10) == phantom(3, 40) < phantom(6, 10)
