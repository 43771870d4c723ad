"""Solvers where f breaks down, and what they may take up."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from nmt.nn.fixed_point import Anderson, Broyden, Solution
from tests.unit.nn.solver_problems import (
    CAUSAL,
    KINDS,
    assert_same,
    close,
    contraction,
    linear,
    normal,
    solution,
    solvers,
)


@CAUSAL
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_at_a_position_does_not_come_back_through_a_mask_of_zeros(kind: str, bad: float) -> None:
    """As attention's weights are: zero times infinity is no zero."""
    mean = torch.ones(4, 4, dtype=torch.float64).tril() / torch.arange(1, 5)[:, None]
    weight, constant = contraction(1, 1, 3, 0.8)[0], normal(2, 2, 4, 3)
    breaks = torch.tensor([1.0, 1.0, bad, 1.0]).double()[:, None]

    def f(z: Tensor) -> Tensor:
        return torch.tanh(mean @ z @ weight.T + constant)

    solver = KINDS[kind](tolerance=1e-6, max_iterations=60)
    start = torch.zeros(2, 4, 3, dtype=torch.float64)
    whole, found = solver.solve(f, start, causal=True), solver.solve(lambda z: f(z) * breaks, start, causal=True)
    assert torch.equal(found.value[:, :2], whole.value[:, :2])
    assert torch.equal(found.residual[:, :2], whole.residual[:, :2])
    assert (whole.residual <= 1e-6).all()


@solvers
@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("since", [0, 3])
def test_f_is_never_applied_to_what_is_not_finite(kind: str, bad: float, since: int) -> None:
    """A row that breaks down waits at its best; its batch mates go on, and so does it once f is finite again."""
    a, b = contraction(1, 2, 3, 0.9), normal(2, 2, 3)
    seen: list[Tensor] = []

    def f(z: Tensor) -> Tensor:
        seen.append(z.clone())
        y = linear(a, b)(z)
        if since <= len(seen) - 1 < since + 4:
            y[0] = bad
        return y

    solver = KINDS[kind](tolerance=1e-6, max_iterations=400)
    found = solver.solve(f, torch.zeros_like(b))
    assert all(z.isfinite().all() for z in seen)
    assert (found.residual <= 1e-6).all()
    close(found.value, solution(a, b), 1e-4)
    best = seen[since + 1 : since + 5]
    assert all(torch.equal(z[0], best[0][0]) for z in best)
    assert_same(
        Solution(found.value[1:], found.residual[1:], found.iterations[1:]),
        solver.solve(linear(a[1:], b[1:]), torch.zeros_like(b[1:])),
    )


@pytest.mark.parametrize("kind", ["picard", "anderson", "broyden"])
def test_steps_that_overflow_are_not_taken(kind: str) -> None:
    """Of f = z^4 from 1e60, which is finite once."""
    seen: list[Tensor] = []

    def f(z: Tensor) -> Tensor:
        seen.append(z.clone())
        return z**4

    found = KINDS[kind](tolerance=0.0, max_iterations=9).solve(f, torch.full((1, 1), 1e60, dtype=torch.float64))
    assert len(seen) == 9
    assert all(z.isfinite().all() for z in seen)
    assert found.value.isfinite().all()


# Memory


@pytest.mark.parametrize(
    ("long", "short"),
    [
        (Anderson(window=6, max_iterations=3, tolerance=0.0), Anderson(window=3, max_iterations=3, tolerance=0.0)),
        (Broyden(memory=20, max_iterations=3, tolerance=0.0), Broyden(memory=3, max_iterations=3, tolerance=0.0)),
    ],
    ids=["anderson", "broyden"],
)
def test_no_more_is_kept_than_there_are_iterations(long: Any, short: Any) -> None:
    def kept(solver: Any) -> int:
        method = solver.method(2, 50, torch.zeros(1))
        return sum(value.numel() for value in vars(method).values() if isinstance(value, Tensor))

    assert 0 < kept(long) <= 2 * (2 * 3 * 50 + 3 * 3)
    a, b = contraction(1, 2, 5, 0.9), normal(2, 2, 5)
    assert_same(long.solve(linear(a, b), torch.zeros_like(b)), short.solve(linear(a, b), torch.zeros_like(b)))


@pytest.mark.parametrize(("solver", "most"), [(Anderson, {"window": 1000}), (Broyden, {"memory": 1000})])
def test_a_thousand_iterates_may_be_kept_but_no_more(solver: type[Any], most: dict[str, int]) -> None:
    assert solver(**most).model_dump()[next(iter(most))] == 1000
    with pytest.raises(ValidationError, match="1000"):
        solver(**{name: number + 1 for name, number in most.items()})


@pytest.mark.parametrize("cap", [1, 2])
@solvers
def test_one_or_two_iterations_are_enough_to_be_a_solver(kind: str, cap: int) -> None:
    a, b = contraction(1, 2, 5, 0.9), normal(2, 2, 5)
    found = KINDS[kind](tolerance=0.0, max_iterations=cap).solve(linear(a, b), torch.zeros_like(b))
    assert found.iterations.tolist() == [cap, cap]
    assert found.value.isfinite().all()
