"""Square matrices that stay orthogonal in training: the scaled Cayley transform with Neumann's series.

Mucllari, Zadorozhnyy, Pospisil, Nguyen and Ye 2022, arXiv 2208.06496.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from nmt.nn.annealing import Annealed
from nmt.nn.linear.folding import Foldable

LARGEST_DRIFT = 1e-4
"""Largest element of |W^T W - I| that a series may leave; beyond it the inverse is solved exactly."""


@dataclass
class _Solution:
    """The matrix of one value of A."""

    parameter: nn.Parameter
    skew: Tensor
    """A copy of the parameter's values."""
    inverse: Tensor
    """[H, H]: P = (I + A)^-1."""
    matrix: Tensor
    """[H, H]: W."""
    node: Tensor | None = None
    """W as a function of the parameter, for autograd."""

    def holds_for(self, parameter: nn.Parameter) -> bool:
        """Whether the parameter still has this value; what changes it does not always change its version too."""
        same = self.parameter is parameter and self.skew.dtype == parameter.dtype
        return same and self.skew.device == parameter.device and torch.equal(self.skew, parameter)


class CayleyLinear(Foldable, Annealed):
    """y = x W with W = (I + A)^-1 (I - A) D, hence W^T W = I, where A = -A^T is trained and D is a constant diagonal.

    The parameter is the part of A above its diagonal: whatever an optimiser, clipping or weight decay does to it, A
    stays skew. D has +1s, then -1s, without which no W would have the eigenvalue -1. W is computed once for each value
    of A, in at least float32; it is neither a parameter nor saved.

    Training refreshes P = (I + A)^-1 once per update, by Neumann's series around the P before:

        P <- (I + R + ... + R^order) P    with R = I - P (I + A)

    For an exact P of the previous A, R = P (A_previous - A), as published. The residual R also contains P's own error,
    which the series therefore reduces by the same power, so errors do not accumulate from update to update. W = (2P -
    I) D needs no further product. Evaluation solves exactly, so a model's results depend on A and D only.

    Args:
        width: H.
        negative_ones: number of -1s in D, at most H.
        order: highest power in the series; 0 solves exactly at each update.
        exact_every: number of updates from one exact solution to the next.
    """

    signs: Tensor
    inverse: Tensor

    def __init__(self, width: int, negative_ones: int, order: int, exact_every: int) -> None:
        super().__init__()
        assert negative_ones <= width
        self.width, self.order, self.exact_every = width, order, exact_every
        self.skew = nn.Parameter(_initial_skew(width))
        signs = torch.ones(width)
        signs[width - negative_ones :] = -1.0
        self.register_buffer("signs", signs)
        # P, allocated by training only; on the CPU even if the model is built on the meta device
        self.register_buffer("inverse", torch.empty(0, device="cpu"), persistent=False)
        self._annealed: _Solution | None = None
        """That of the last update."""
        self._exact: _Solution | None = None

    @property
    def weight(self) -> Tensor:
        """[outputs, inputs]: W^T, as of `nn.Linear`."""
        return self.matrix().t()

    def matrix(self) -> Tensor:
        """[H, H]: W. All steps of a pass share it and its node in the graph, so its backward pass runs once."""
        solution = self._current()
        if not (torch.is_grad_enabled() and self.skew.requires_grad):
            return solution.matrix
        if solution.node is None:
            node: Tensor = _OfSkew.apply(self.skew, solution.inverse, solution.matrix, self.signs)  # type: ignore[no-untyped-call]
            solution.node = node
        return solution.node

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., H]. Returns [..., H] in the parameter's dtype, also under autocast."""
        matrix = self.matrix()
        with torch.autocast(x.device.type, enabled=False):
            return x.to(matrix.dtype) @ matrix

    def folded(self) -> nn.Linear:
        linear = nn.Linear(self.width, self.width, bias=False, device="meta")
        if not self.skew.is_meta:
            linear.weight = nn.Parameter(self.weight.detach().contiguous())
        return linear.train(self.training)

    def anneal(self, update: int) -> bool:
        """Computes W for this update."""
        due = self.order == 0 or (update - 1) % self.exact_every == 0
        with _plain_arithmetic(self.skew):
            refreshed = None if due else self._refreshed()
            self._annealed = self._solved() if refreshed is None else refreshed
            if self.order:
                self._carried_inverse().copy_(self._annealed.inverse)
        return False

    def carried(self) -> dict[str, Tensor]:
        return {"inverse": self._carried_inverse()} if self.order else {}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_annealed": None, "_exact": None}  # they belong to this one's parameter

    def _carried_inverse(self) -> Tensor:
        if self.inverse.shape != (self.width, self.width):
            self.inverse = self.skew.new_full((self.width, self.width), math.nan)  # no series until it is solved once
        return self.inverse

    def _current(self) -> _Solution:
        """The solution for the present A; in evaluation an exact one."""
        for known in (self._annealed if self.training else None, self._exact):
            if known is not None and known.holds_for(self.skew):
                return known
        with _plain_arithmetic(self.skew):
            exact = self._solved()
        self._exact = exact  # threads that come here together each compute the same
        return exact

    def _solved(self) -> _Solution:
        """Exactly, in float64."""
        inverse, _ = torch.linalg.inv_ex(self._shifted(torch.float64))  # exists for any finite A
        return self._solution_of(inverse)

    def _refreshed(self) -> _Solution | None:
        """By Neumann's series; None if it leaves too much drift."""
        before = self._carried_inverse()
        identity = torch.eye(self.width, dtype=before.dtype, device=before.device)
        residual = torch.addmm(identity, before, self._shifted(before.dtype), alpha=-1.0)
        inverse = before
        for _ in range(self.order):
            inverse = torch.addmm(before, residual, inverse)
        solution = self._solution_of(inverse)
        drift = (solution.matrix.t() @ solution.matrix).sub_(identity).abs().amax()
        return solution if drift <= LARGEST_DRIFT else None

    def _solution_of(self, inverse: Tensor) -> _Solution:
        matrix = 2.0 * inverse
        matrix.diagonal().sub_(1.0)
        matrix *= self.signs
        dtype = self.skew.dtype
        return _Solution(self.skew, self.skew.detach().clone(), inverse.to(dtype), matrix.to(dtype))

    def _shifted(self, dtype: torch.dtype) -> Tensor:
        """[H, H]: I + A."""
        shifted = torch.zeros(self.width, self.width, dtype=dtype, device=self.skew.device)
        rows, columns = _above_diagonal(self.skew.device, self.width)
        values = self.skew.detach().to(dtype)
        shifted[rows, columns], shifted[columns, rows] = values, -values
        shifted.diagonal().fill_(1.0)
        return shifted


class _OfSkew(torch.autograd.Function):
    """W as a function of the elements of A above its diagonal.

    Its tensors are attributes of the context rather than saved tensors, so several passes may go back through it.
    """

    @staticmethod
    def forward(ctx, skew: Tensor, inverse: Tensor, matrix: Tensor, signs: Tensor):  # type: ignore[no-untyped-def]
        ctx.inverse, ctx.matrix, ctx.signs = inverse, matrix, signs
        return matrix.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):  # type: ignore[no-untyped-def]
        """V^T - V with V = P^T G (D + W^T)."""
        with _plain_arithmetic(gradient):
            v = ctx.inverse.t() @ torch.addmm(gradient * ctx.signs, gradient, ctx.matrix.t())
            rows, columns = _above_diagonal(v.device, len(v))
            return v[columns, rows] - v[rows, columns], None, None, None


def _initial_skew(width: int) -> Tensor:
    """A for rotations in width // 2 planes by angles from U(0, pi / 2), as published."""
    first = torch.arange(0, width - 1, 2)  # i of the elements (i, i + 1)
    skew = torch.zeros(width * (width - 1) // 2)
    angles = torch.empty(len(first)).uniform_(0.0, math.pi / 2)
    skew[first * (2 * width - first - 1) // 2] = -torch.tan(angles / 2)
    return skew


def _above_diagonal(device: torch.device, width: int) -> tuple[Tensor, Tensor]:
    """Rows and columns of the elements above the diagonal, row by row."""
    rows, columns = torch.triu_indices(width, width, 1, device=device).unbind()
    return rows, columns


@contextmanager
def _plain_arithmetic(like: Tensor) -> Iterator[None]:
    """Without autograd, without autocast, and with results that outlive an inference mode."""
    with torch.inference_mode(False), torch.no_grad(), torch.autocast(like.device.type, enabled=False):
        yield
