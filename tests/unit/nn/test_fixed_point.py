"""Solvers against equations whose solutions are known, and what no row may notice of its batch mates."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from nmt.nn.fixed_point import Anderson, Broyden, Narrowing, Picard, Solution
from tests.unit.nn.solver_problems import (
    CAUSAL,
    KINDS,
    assert_same,
    close,
    contraction,
    linear,
    normal,
    seeds,
    sizes,
    solution,
    solvers,
)


@solvers
@settings(max_examples=30)
@given(seed=seeds, n=sizes, norm=st.floats(0.0, 0.9))
def test_linear_maps_lead_to_their_fixed_points(kind: str, seed: int, n: int, norm: float) -> None:
    a, b = contraction(seed, 3, n, norm), normal(seed + 1, 3, n)
    found = KINDS[kind](tolerance=1e-11, max_iterations=600).solve(linear(a, b), torch.zeros_like(b))
    assert (found.residual <= 1e-11).all()
    close(found.value, solution(a, b), 1e-9)


@settings(max_examples=60)
@given(seed=seeds, n=sizes)
def test_broyden_solves_n_linear_equations_in_2n_steps(seed: int, n: int) -> None:
    """Gay 1979; the first application of f is before the first step."""
    a, b = contraction(seed, 1, n, 0.9), normal(seed + 1, 1, n)
    found = Broyden(tolerance=1e-7, max_iterations=2 * n + 1).solve(linear(a, b), torch.zeros_like(b))
    assert found.residual.item() <= 1e-7


@pytest.mark.parametrize(
    "solver", [Anderson(tolerance=1e-10, window=7, max_iterations=200), Broyden(tolerance=1e-10, max_iterations=60)]
)
@settings(max_examples=40)
@given(seed=seeds, n=sizes)
def test_maps_from_which_plain_iteration_runs_away_are_solved(solver: Any, seed: int, n: int) -> None:
    """Not symmetric, with eigenvalues down to -4."""
    basis = torch.linalg.qr(normal(seed, n, n))[0] + 0.1 * normal(seed + 1, n, n)
    eigenvalues = torch.linspace(-4.0, 0.5, n, dtype=torch.float64) if n > 1 else torch.tensor([-4.0]).double()
    a, b = (basis @ torch.diag(eigenvalues) @ torch.linalg.inv(basis))[None], normal(seed + 2, 1, n)
    close(solver.solve(linear(a, b), torch.zeros_like(b)).value, solution(a, b), 1e-6)
    assert not Picard(tolerance=1e-3).solve(linear(a, b), torch.zeros_like(b)).residual < 0.1


@solvers
def test_fixed_points_of_the_cosine_and_of_herons_square_root(kind: str) -> None:
    solver = KINDS[kind](tolerance=1e-13, max_iterations=200)
    cosine = solver.solve(torch.cos, torch.ones(1, 1, dtype=torch.float64))
    assert cosine.value.item() == pytest.approx(0.7390851332151607, abs=1e-12)
    root = solver.solve(lambda z: (z + 2 / z) / 2, torch.ones(1, 1, dtype=torch.float64))
    assert root.value.item() == pytest.approx(math.sqrt(2), abs=1e-12)


@solvers
@settings(max_examples=20)
@given(seed=seeds, n=sizes)
def test_contractions_lead_to_where_long_plain_iteration_leads(kind: str, seed: int, n: int) -> None:
    a, b = contraction(seed, 4, n, 0.9), normal(seed + 1, 4, n)

    def f(z: Tensor) -> Tensor:
        return torch.tanh(linear(a, b)(z))

    expected = torch.zeros_like(b)
    for _ in range(400):
        expected = f(expected)
    found = KINDS[kind](tolerance=1e-12, max_iterations=500).solve(f, normal(seed + 2, 4, n))
    close(found.value, expected, 1e-9)


@pytest.mark.parametrize("solver", [Anderson(window=3, max_iterations=300), Broyden(memory=5, max_iterations=300)])
@settings(max_examples=20)
@given(seed=seeds)
def test_less_memory_than_iterations_still_converges(solver: Any, seed: int) -> None:
    """Of eigenvalues up to 0.95, in thirty dimensions."""
    basis = torch.linalg.qr(normal(seed, 30, 30))[0]
    a = (basis @ torch.diag(torch.linspace(-0.5, 0.95, 30, dtype=torch.float64)) @ basis.T)[None]
    b = normal(seed + 1, 1, 30)
    solver = solver.model_copy(update={"tolerance": 1e-8})
    found = solver.solve(linear(a, b), torch.zeros_like(b))
    assert found.iterations.item() > 10
    close(found.value, solution(a, b), 1e-5)


# Rows


def mixed_rows(seed: int, rows: int, n: int) -> tuple[Callable[[Tensor, slice], Tensor], Tensor]:
    """f of some of the rows and z0: easy rows, hard ones, one that overflows and one that divides by zero."""
    norms = torch.tensor([0.2, 0.95, 3.0, 0.5, 0.0])[torch.arange(rows) % 5].double()
    a = contraction(seed, rows, n, 1.0) * norms[:, None, None]
    b = normal(seed + 1, rows, n)

    def f(z: Tensor, of: slice) -> Tensor:
        y = linear(a[of], b[of])(z)
        numbers = torch.arange(rows)[of, None]
        return torch.where(numbers == 5, y * 1e200, torch.where(numbers == 6, y / 0.0 * 0.0, y))

    return f, normal(seed + 2, rows, n)


@solvers
@settings(max_examples=20)
@given(seed=seeds, rows=st.integers(1, 8), n=sizes, cap=st.integers(1, 25))
def test_a_row_is_solved_in_a_batch_as_alone(kind: str, seed: int, rows: int, n: int, cap: int) -> None:
    solver = KINDS[kind](tolerance=1e-5, max_iterations=cap)
    f, start = mixed_rows(seed, rows, n)
    together = solver.solve(lambda z: f(z, slice(None)), start)
    for row in range(rows):
        of = slice(row, row + 1)
        alone = solver.solve(lambda z, of=of: f(z, of), start[of])
        assert_same(Solution(together.value[of], together.residual[of], together.iterations[of]), alone)


@solvers
def test_the_axes_before_those_of_the_vector_number_the_rows(kind: str) -> None:
    a, b = contraction(1, 6, 4, 0.8), normal(2, 6, 4)
    solver = KINDS[kind](tolerance=1e-6)
    flat = solver.solve(linear(a, b), torch.zeros_like(b))

    def f(z: Tensor) -> Tensor:
        return linear(a, b)(z.view(6, 4)).view(z.shape)

    squares = solver.solve(f, torch.zeros(2, 3, 2, 2, dtype=torch.float64), vector_axes=2)
    assert squares.value.shape == (2, 3, 2, 2)
    assert squares.residual.shape == squares.iterations.shape == (2, 3)
    assert_same(
        Solution(squares.value.view(6, 4), squares.residual.flatten(), squares.iterations.flatten()),
        flat,
    )


@solvers
@settings(max_examples=20)
@given(seed=seeds, n=sizes, zeros=st.integers(1, 5))
def test_zeros_in_the_vector_change_nothing(kind: str, seed: int, n: int, zeros: int) -> None:
    """As padding of a sentence is."""
    a, b = contraction(seed, 3, n, 0.8), normal(seed + 1, 3, n)
    solver = KINDS[kind](tolerance=1e-6, max_iterations=40)
    short = solver.solve(linear(a, b), torch.zeros_like(b))

    def f(z: Tensor) -> Tensor:
        return torch.nn.functional.pad(linear(a, b)(z[:, :n]), (0, zeros))

    padded = solver.solve(f, torch.zeros(3, n + zeros, dtype=torch.float64))
    assert not padded.value[:, n:].any()
    assert_same(Solution(padded.value[:, :n], padded.residual, padded.iterations), short)


@solvers
def test_a_row_of_zeros_is_solved_at_once(kind: str) -> None:
    found = KINDS[kind]().solve(lambda z: 0.5 * z, torch.zeros(2, 3))
    assert found.residual.tolist() == [0.0, 0.0]
    assert found.iterations.tolist() == [1, 1]


@solvers
def test_a_converged_row_stays_where_it_is(kind: str) -> None:
    a = torch.stack([contraction(1, 1, 9, 0.1)[0], contraction(2, 1, 9, 0.98)[0]])
    b, seen = normal(3, 2, 9), []

    def f(z: Tensor) -> Tensor:
        seen.append(z.clone())
        return linear(a, b)(z)

    found = KINDS[kind](tolerance=1e-6, max_iterations=200).solve(f, torch.zeros_like(b))
    early, late = found.iterations.tolist()
    assert early < late == len(seen)
    assert all(torch.equal(z[0], found.value[0]) for z in seen[early:])


# What is reported, and when it ends


@solvers
@settings(max_examples=20)
@given(seed=seeds, cap=st.integers(1, 30), norm=st.floats(0.1, 3.0))
def test_the_best_iterate_is_returned_with_its_residual(kind: str, seed: int, cap: int, norm: float) -> None:
    """Of maps that lead away as well, from near the fixed point."""
    a, b = contraction(seed, 1, 3, norm), normal(seed + 1, 1, 3)
    residuals, values = [], []

    def f(z: Tensor) -> Tensor:
        y = linear(a, b)(z)
        residuals.append(((y - z).norm() / y.norm()).item())
        values.append(y)
        return y

    found = KINDS[kind](tolerance=1e-9, max_iterations=cap).solve(f, normal(seed + 2, 1, 3))
    best = min(range(len(residuals)), key=residuals.__getitem__)
    assert found.residual.item() == pytest.approx(residuals[best], rel=1e-12)
    close(found.value, values[best], 1e-12)
    assert found.iterations.item() == len(values)
    assert (residuals[best] <= 1e-9) or len(values) == cap


def test_the_last_iterate_is_not_always_the_best() -> None:
    found = Picard(max_iterations=10).solve(lambda z: -2.0 * z + 3.0, torch.full((1, 1), 1.1))
    assert found.value.item() == pytest.approx(0.8, abs=1e-6)


@solvers
def test_without_tolerance_all_iterations_are_used(kind: str) -> None:
    a, b, count = contraction(1, 2, 5, 0.99), normal(2, 2, 5), 0

    def f(z: Tensor) -> Tensor:
        nonlocal count
        count += 1
        return linear(a, b)(z)

    assert KINDS[kind](tolerance=0.0, max_iterations=8).solve(f, torch.zeros_like(b)).iterations.tolist() == [8, 8]
    assert count == 8


@solvers
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_is_never_returned(kind: str, bad: float) -> None:
    a, b, count = contraction(1, 1, 3, 0.9), normal(2, 1, 3), 0

    def f(z: Tensor) -> Tensor:
        nonlocal count
        count += 1
        y = linear(a, b)(z)
        return y if count < 4 else torch.full_like(y, bad)

    solver = KINDS[kind](tolerance=1e-9, max_iterations=12)
    until_then = solver.model_copy(update={"max_iterations": 3}).solve(f, torch.zeros_like(b))
    count = 0
    found = solver.solve(f, torch.zeros_like(b))
    close(found.value, until_then.value, 1e-12)
    close(found.residual, until_then.residual, 1e-12)
    assert found.iterations.item() == count == 12
    hopeless = solver.solve(lambda z: torch.full_like(z, bad), b)
    assert hopeless.residual.tolist() == [math.inf]
    assert torch.equal(hopeless.value, b)


@pytest.mark.parametrize("kind", ["picard", "picard-damped", "anderson", "anderson-damped"])
def test_an_equation_without_solution_has_a_large_residual_by_the_length_of_its_constant(kind: str) -> None:
    """z = z + w: the iterates run away, so that what is left seems small beside them."""
    w = normal(1, 1, 4)
    solver = KINDS[kind](tolerance=0.0, max_iterations=30)
    found = solver.solve(lambda z: z + w, w, relative_to=w)
    assert found.residual.item() == pytest.approx(1.0)
    assert solver.solve(lambda z: z + w, w).residual.item() < 0.5


@solvers
def test_a_residual_relative_to_a_length_is_divided_by_it(kind: str) -> None:
    a, b = contraction(1, 2, 4, 0.8), normal(2, 2, 4)
    solver = KINDS[kind](tolerance=0.0, max_iterations=4)
    plain = solver.solve(linear(a, b), torch.zeros_like(b), relative_to=torch.full((2, 4), 0.5).double())
    ten = solver.solve(linear(a, b), torch.zeros_like(b), relative_to=torch.full((2, 4), 5.0).double())
    close(plain.residual, 10 * ten.residual, 1e-12)


@solvers
@settings(max_examples=30)
@given(seed=seeds, groups=st.integers(1, 6), group=st.integers(1, 3), cap=st.integers(1, 40))
def test_rows_that_have_converged_leave_in_groups_and_nothing_else_changes(
    kind: str, seed: int, groups: int, group: int, cap: int
) -> None:
    rows, n = groups * group, 4
    norms = torch.rand(rows, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    a, b = contraction(seed, rows, n, 1.0) * norms[:, None, None], normal(seed + 1, rows, n)
    sizes: list[int] = []

    def watched(numbers: Tensor) -> Callable[[Tensor], Tensor]:
        f = linear(a[numbers], b[numbers])

        def counting(z: Tensor) -> Tensor:
            sizes.append(len(z))
            return f(z)

        return counting

    def narrowed(numbers: Tensor) -> Callable[[Tensor], Tensor]:
        return watched((numbers[:, None] * group + torch.arange(group)).flatten())

    solver = KINDS[kind](tolerance=1e-6, max_iterations=cap)
    whole = solver.solve(linear(a, b), torch.zeros_like(b))
    parts = solver.solve(watched(torch.arange(rows)), torch.zeros_like(b), narrowing=Narrowing(group, narrowed))
    assert_same(parts, whole)
    slowest = whole.iterations.view(groups, group).amax(1)
    needed = [int((slowest > number).sum()) * group for number in range(len(sizes))]
    assert len(sizes) == int(slowest.max())
    assert all((most <= size and most > 0.75 * size) or size == most for size, most in zip(sizes, needed, strict=True))


@solvers
def test_no_gradient_is_recorded(kind: str) -> None:
    weight = torch.tensor([[0.5]], requires_grad=True)
    assert not KINDS[kind]().solve(lambda z: weight * z + 1.0, torch.zeros(1, 1)).value.requires_grad


# Causal rows


def causal_map(seed: int, length: int) -> Callable[[Tensor], Tensor]:
    """[2, length, 3]: each position sees itself and those before, and has a constant of its own."""
    weight = 0.8 * contraction(seed, 1, 3, 1.0)[0]
    constant = normal(seed + 1, 2, length, 3)

    def f(z: Tensor) -> Tensor:
        before = z.cumsum(1) / torch.arange(1, length + 1)[:, None]
        return torch.tanh((z + before) / 2 @ weight.T + constant[:, : z.shape[1]])

    return f


@CAUSAL
@settings(max_examples=30)
@given(seed=seeds, length=st.integers(2, 6), cap=st.integers(1, 20), data=st.data())
def test_a_position_never_depends_on_later_ones(
    kind: str, seed: int, length: int, cap: int, data: st.DataObject
) -> None:
    position = data.draw(st.integers(1, length - 1))
    solver = KINDS[kind](tolerance=1e-4, max_iterations=cap)
    f, start = causal_map(seed, length), torch.zeros(2, length, 3, dtype=torch.float64)
    before = solver.solve(f, start, causal=True)

    def changed(z: Tensor) -> Tensor:
        y = f(z)
        return torch.cat([y[:, :position], 50.0 * y[:, position:] ** 2 + 1.0], 1)

    after = solver.solve(changed, start, causal=True)
    assert torch.equal(after.value[:, :position], before.value[:, :position])
    assert torch.equal(after.residual[:, :position], before.residual[:, :position])
    assert torch.equal(after.iterations[:, :position], before.iterations[:, :position])
    assert not torch.equal(after.value[:, position:], before.value[:, position:])


@CAUSAL
@settings(max_examples=20)
@given(seed=seeds, length=st.integers(2, 6))
def test_a_position_converges_when_all_before_it_have(kind: str, seed: int, length: int) -> None:
    solver = KINDS[kind](tolerance=1e-10, max_iterations=300)
    f, start = causal_map(seed, length), torch.zeros(2, length, 3, dtype=torch.float64)
    found = solver.solve(f, start, causal=True)
    assert (found.iterations.diff(dim=1) >= 0).all()
    assert (found.residual.diff(dim=1) >= 0).all()
    assert (found.residual <= 1e-10).all()
    close(f(found.value), found.value, 1e-9)


@CAUSAL
def test_a_position_is_not_frozen_at_what_follows_from_unfinished_ones(kind: str) -> None:
    """The second equation, z = its neighbour, holds exactly at z0 = 0, long before the first has its solution, 2."""

    def f(z: Tensor) -> Tensor:
        return torch.stack([0.5 * z[:, 0] + 1.0, z[:, 0]], 1)

    found = KINDS[kind](tolerance=1e-9, max_iterations=100).solve(
        f, torch.zeros(1, 2, 1, dtype=torch.float64), causal=True
    )
    close(found.value.flatten(), torch.tensor([2.0, 2.0]).double(), 1e-7)


@CAUSAL
def test_a_position_that_breaks_down_leaves_those_before_it_alone(kind: str) -> None:
    f = causal_map(3, 4)

    def broken(z: Tensor) -> Tensor:
        y = f(z)
        return torch.where(torch.arange(4)[:, None] == 2, torch.nan, y)

    solver = KINDS[kind](tolerance=1e-6, max_iterations=60)
    start = torch.zeros(2, 4, 3, dtype=torch.float64)
    whole, found = solver.solve(f, start, causal=True), solver.solve(broken, start, causal=True)
    assert torch.equal(found.value[:, :2], whole.value[:, :2])
    assert (found.residual[:, 2:] == math.inf).all()
    assert found.value.isfinite().all()


@pytest.mark.parametrize(
    ("solver", "options"),
    [
        (Picard, {"damping": 0.0}),
        (Picard, {"damping": 1.5}),
        (Anderson, {"window": 1}),
        (Anderson, {"ridge": 0.0}),
        (Broyden, {"memory": 0}),
        (Broyden, {"tolerance": -1e-3}),
        (Anderson, {"max_iterations": 0}),
        (Picard, {"window": 6}),
    ],
)
def test_options_that_mean_nothing_are_refused(solver: type[Any], options: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        solver(**options)
