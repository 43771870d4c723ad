"""HiPPO-N has the eigenvalues that are known, and is HiPPO-LegS plus a matrix of rank 1."""

from __future__ import annotations

import pytest
import torch

from nmt.nn.hippo import normal_hippo, normal_hippo_eigen


@pytest.mark.parametrize(
    ("size", "imaginary"),
    [(2, [0.866025]), (4, [0.556501, 4.603293]), (8, [0.427489, 1.957794, 5.354209, 19.857410])],
)
def test_known_eigenvalues(size: int, imaginary: list[float]) -> None:
    eigenvalues, _ = normal_hippo_eigen(size)
    assert eigenvalues.real.tolist() == [-0.5] * size
    expected = [-each for each in reversed(imaginary)] + imaginary
    assert eigenvalues.imag.tolist() == pytest.approx(expected, abs=1e-6)


def test_it_is_legs_plus_a_matrix_of_rank_one() -> None:
    size = 6
    legs = torch.zeros(size, size, dtype=torch.float64)
    for i in range(size):
        legs[i, i] = -(i + 1)
        for j in range(i):
            legs[i, j] = -(((2 * i + 1) * (2 * j + 1)) ** 0.5)
    q = torch.arange(size, dtype=torch.float64).add(0.5).sqrt()
    torch.testing.assert_close(normal_hippo(size), legs + torch.outer(q, q))


@pytest.mark.parametrize("size", [1, 2, 5, 16])
def test_eigenvectors_are_orthonormal_and_give_the_matrix_back(size: int) -> None:
    eigenvalues, vectors = normal_hippo_eigen(size)
    torch.testing.assert_close(vectors.mH @ vectors, torch.eye(size, dtype=vectors.dtype))
    torch.testing.assert_close((vectors * eigenvalues) @ vectors.mH, normal_hippo(size).to(vectors.dtype))
