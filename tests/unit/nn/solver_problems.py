"""Equations with known solutions, and the solvers that are tried on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor

from nmt.nn.fixed_point import Anderson, Broyden, Picard, Solution

KINDS: dict[str, Callable[..., Any]] = {
    "picard": Picard,
    "picard-damped": lambda **options: Picard(damping=0.7, **options),
    "anderson": Anderson,
    "anderson-damped": lambda **options: Anderson(damping=0.6, **options),
    "broyden": Broyden,
}
solvers = pytest.mark.parametrize("kind", KINDS)
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 6)


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def contraction(seed: int, rows: int, n: int, norm: float) -> Tensor:
    """[rows, n, n] of this spectral norm, as a rule not symmetric."""
    matrices = normal(seed, rows, n, n)
    norms: Tensor = torch.linalg.matrix_norm(matrices, 2)
    return matrices * (norm / norms[:, None, None])


def linear(a: Tensor, b: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda z: (a @ z[..., None]).squeeze(-1) + b


def solution(a: Tensor, b: Tensor) -> Tensor:
    solved: Tensor = torch.linalg.solve(torch.eye(b.shape[-1], dtype=b.dtype) - a, b)
    return solved


def close(actual: Tensor, expected: Tensor, tolerance: float) -> None:
    torch.testing.assert_close(actual, expected, atol=tolerance, rtol=tolerance)


def assert_same(actual: Solution, expected: Solution) -> None:
    close(actual.value, expected.value, 1e-12)
    close(actual.residual, expected.residual, 1e-12)
    assert actual.iterations.tolist() == expected.iterations.tolist()


CAUSAL = pytest.mark.parametrize("kind", ["picard", "picard-damped", "anderson", "anderson-damped"])
