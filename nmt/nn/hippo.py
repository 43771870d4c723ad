"""The normal part of the HiPPO-LegS matrix, whose eigenvalues are the initial time constants of state space models."""

from __future__ import annotations

import torch
from torch import Tensor


def normal_hippo(size: int) -> Tensor:
    """The normal matrix HiPPO-N (Gu, Goel et al. 2022, "On the Parameterization and Initialization of Diagonal State
    Space Models"): HiPPO-LegS plus a matrix of rank 1.

    It is -1/2 on the diagonal and skew-symmetric elsewhere, +-sqrt((2 i + 1) (2 j + 1)) / 2.

    Args:
        size: n.

    Returns:
        [n, n] float64, on the CPU.
    """
    roots = torch.arange(size, dtype=torch.float64, device="cpu").mul_(2).add_(1).sqrt_()
    below = torch.outer(roots, roots).tril(-1) / 2
    return below.mT - below - torch.eye(size, dtype=torch.float64, device="cpu") / 2


def normal_hippo_eigen(size: int) -> tuple[Tensor, Tensor]:
    """The eigenvalues of HiPPO-N and orthonormal eigenvectors.

    All real parts are -1/2. Eigenvalues come in conjugate pairs: for an even n those of the first half have negative
    imaginary parts, and the others are their conjugates.

    Args:
        size: n.

    Returns:
        [n] complex128 in ascending order of the imaginary part, and [n, n] complex128 with an eigenvector per column;
        on the CPU.
    """
    skew = normal_hippo(size)
    skew.diagonal().zero_()
    # eigenvectors from `eig` would not be orthonormal; -i times a skew-symmetric matrix is Hermitian
    imaginary, vectors = torch.linalg.eigh(-1j * skew)
    return torch.complex(torch.full_like(imaginary, -0.5), imaginary), vectors
