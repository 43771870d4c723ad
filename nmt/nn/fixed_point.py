"""Solvers of z = f(z): plain iteration, Anderson and Broyden, each row by itself.

All are pure functions of (f, z0). A row is one independent equation, a sentence or a position. It has its own
coefficients, best iterate and stopping point, so batch mates never change a result. A converged row is frozen: it
neither moves nor diverges while other rows continue.

Axes: the leading axes of z number the R rows, and the last `vector_axes` axes form a row's vector of n numbers. The
methods see z as [R, n]. Entries that f leaves at zero (padding) do not enter any norm.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

import torch
from pydantic import Field
from torch import Tensor

from nmt.nn.rows import Rows
from nmt.options import Iterations, NonNegativeFloat, Options, PositiveFloat

Map = Callable[[Tensor], Tensor]


class Method(Protocol):
    """Proposes the next iterate; remembers earlier ones."""

    def __call__(self, x: Tensor, fx: Tensor) -> Tensor:
        """The next iterate from x and f(x), all [R, n]."""

    def select(self, rows: Tensor) -> None:
        """Keeps only these rows."""


@dataclass(frozen=True)
class Narrowing:
    """Lets converged rows leave the computation in groups, such as the hypotheses of a sentence."""

    group: int
    """Number of adjacent rows that stay or leave together."""
    to: Callable[[Tensor], Map]
    """f restricted to some groups, given their indices (int64, ascending)."""


@dataclass(frozen=True)
class Solution:
    """A solver's result; all fields but `value` have one entry per row."""

    value: Tensor
    """Shaped like z0: f of the iterate with the lowest residual, which is not always the last."""
    residual: Tensor
    """|f(x) - x| / |f(x)| at that iterate x, or relative to `relative_to`; infinite if no iterate was finite."""
    iterations: Tensor
    """int64: applications of f until the row converged, or all of them."""


class _Solver(Options):
    """The stopping rule, which all solvers share."""

    kind: str
    tolerance: NonNegativeFloat = 1e-2
    """Relative residual |f(z) - z| / |f(z)| at which a row is done; 0 to always use max_iterations. In bf16 no
    residual falls far below 1e-2; in fp32 1e-3 is usual."""
    max_iterations: Iterations = 12
    """Maximum number of applications of f."""

    @abstractmethod
    def method(self, rows: int, numbers: int, like: Tensor) -> Method:
        """A fresh method for one solution of `rows` vectors of `numbers` elements."""

    @torch.no_grad()
    def solve(
        self,
        f: Map,
        start: Tensor,
        *,
        vector_axes: int = 1,
        causal: bool = False,
        relative_to: Tensor | None = None,
        narrowing: Narrowing | None = None,
    ) -> Solution:
        """Solves z = f(z) without a gradient.

        Args:
            f: maps z to f(z), of the same shape; row by row unless `causal`.
            start: z0.
            vector_axes: how many of the last axes form one vector.
            causal: row t of the last row axis may depend on rows up to t of that axis, never on later ones. Its
                residual is then the largest of rows up to t, so that it is not frozen while earlier rows still change.
            relative_to: shaped like z0; residuals are relative to its length instead of that of f(z). For a linear
                equation give the constant term: a diverging solver makes f(z) large, which would look like success.
            narrowing: skips rows that have converged; not with `causal`.
        """
        return _solve(self, f, start, start.dim() - vector_axes, causal, relative_to, narrowing)


class Picard(_Solver):
    """Plain iteration z <- damping f(z) + (1 - damping) z."""

    kind: Literal["picard"] = "picard"
    damping: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Step size; use less than 1 if plain iteration oscillates."""

    def method(self, rows: int, numbers: int, like: Tensor) -> Method:
        return _PicardStep(self.damping)


class Anderson(_Solver):
    """Anderson acceleration: the mixture of the last iterates with the smallest mixed residual."""

    kind: Literal["anderson"] = "anderson"
    window: Annotated[int, Field(ge=2, le=1000)] = 6
    """Number of iterates mixed; memory holds two vectors for each."""
    ridge: PositiveFloat = 1e-4
    """Added to the diagonal of the Gram matrix of the residuals, which are scaled to unit length, so its effect does
    not depend on how far the solution has come."""
    damping: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Weight of f(x) in the mixture of f(x) and x."""

    def method(self, rows: int, numbers: int, like: Tensor) -> Method:
        return _AndersonMixture(self, rows, numbers, like)


class Broyden(_Solver):
    """Broyden's (good) method with limited memory: Newton's with an inverse Jacobian estimated from the steps."""

    kind: Literal["broyden"] = "broyden"
    memory: Annotated[int, Field(ge=1, le=1000)] = 20
    """Number of steps the estimate is built from, before it starts afresh; memory holds two vectors for each."""

    def method(self, rows: int, numbers: int, like: Tensor) -> Method:
        return _BroydenStep(min(self.memory, self.max_iterations), rows, numbers, like)


Solver = Annotated[Picard | Anderson | Broyden, Field(discriminator="kind")]
"""Option: any of the solvers."""


@dataclass
class _Progress(Rows):
    """The rows still being computed."""

    number: Tensor
    """[R] int64: index among all rows."""
    x: Tensor
    """[R, n]"""
    best: Tensor
    """[R, n]: f at the best iterate."""
    residual: Tensor
    """[R], at the best iterate."""
    iterations: Tensor
    done: Tensor
    scale: Tensor | None
    """[R]: the divisor of residuals; None: |f(x)|."""

    def observe(self, fx: Tensor, tolerance: float, row_shape: torch.Size | None) -> None:
        """Updates residuals and best iterates by f(x).

        With `row_shape` a row is at best as good as those before it on the last axis.
        """
        self.iterations += ~self.done
        now = (fx - self.x).norm(dim=1) / (_length(fx) if self.scale is None else self.scale)
        if row_shape is not None:
            now = torch.where(self.done, self.residual, now).view(row_shape).cummax(-1).values.flatten()
        better = ~self.done & (now < self.residual)  # false for NaN
        self.residual = torch.where(better, now, self.residual)
        self.best = torch.where(better[:, None], fx, self.best)
        self.done |= self.residual <= tolerance


def _solve(
    solver: _Solver,
    f: Map,
    start: Tensor,
    row_axes: int,
    causal: bool,
    relative_to: Tensor | None,
    narrowing: Narrowing | None,
) -> Solution:
    row_shape, vector_shape = start.shape[:row_axes], start.shape[row_axes:]
    at = _beginning(start.reshape(row_shape.numel(), -1), relative_to)
    found, shape = at, start.shape
    method = solver.method(at.x.shape[0], at.x.shape[1], at.x)
    for number in range(solver.max_iterations):
        fx = f(at.x.view(shape)).reshape(at.x.shape).to(at.x.dtype)
        at.observe(fx, solver.tolerance, row_shape if causal else None)
        if number + 1 == solver.max_iterations or bool(at.done.all()):
            break
        proposed = method(at.x, fx)
        stays = at.done | ~proposed.isfinite().all(1)  # a causal f would spread infinities to other rows
        at.x = torch.where(stays[:, None], at.best, proposed)
        if narrowing and (rows := _still_needed(at.done, narrowing.group)) is not None:
            found, at = _merged(found, at), at.select(rows)
            method.select(rows)
            f = narrowing.to(at.number[:: narrowing.group] // narrowing.group)
            shape = torch.Size([len(rows), *vector_shape])
    found = _merged(found, at)
    return Solution(found.best.view(start.shape), found.residual.view(row_shape), found.iterations.view(row_shape))


def _beginning(x: Tensor, relative_to: Tensor | None) -> _Progress:
    number = torch.arange(len(x), device=x.device)
    return _Progress(
        number=number,
        x=x,
        best=x,
        residual=x.new_full(x.shape[:1], torch.inf),
        iterations=torch.zeros_like(number),
        done=torch.zeros_like(number, dtype=torch.bool),
        scale=None if relative_to is None else _length(relative_to.reshape(x.shape)),
    )


def _still_needed(done: Tensor, group: int) -> Tensor | None:
    """The rows of unfinished groups; None while these are the majority, since selecting has its price."""
    needed = ~done.view(-1, group).all(1)
    if int(needed.sum()) > _MOST * len(needed):
        return None
    return needed.repeat_interleave(group).nonzero().squeeze(1)


_MOST = 0.75
"""Share of unfinished groups above which all rows are kept."""


def _merged(all_rows: _Progress, some: _Progress) -> _Progress:
    """All rows, with the newer results of some of them written into them."""
    if len(some.number) == len(all_rows.number):
        return some
    for known, newer in (
        (all_rows.best, some.best),
        (all_rows.residual, some.residual),
        (all_rows.iterations, some.iterations),
    ):
        known.index_copy_(0, some.number, newer)
    return all_rows


def _length(x: Tensor) -> Tensor:
    """The norm of each row, [R]; above 0, so that a row of zeros has residual 0."""
    length: Tensor = x.norm(dim=1)
    return length.clamp_min(torch.finfo(x.dtype).tiny)


class _PicardStep:
    """Remembers nothing."""

    def __init__(self, damping: float) -> None:
        self.damping = damping

    def __call__(self, x: Tensor, fx: Tensor) -> Tensor:
        return torch.lerp(x, fx, self.damping)

    def select(self, rows: Tensor) -> None:
        pass


class _AndersonMixture:
    """Keeps a window of f(x), residuals g = f(x) - x, and their inner products."""

    def __init__(self, options: Anderson, rows: int, numbers: int, like: Tensor) -> None:
        self.options, self.count = options, 0
        self.window = min(options.window, options.max_iterations)
        self.f, self.g = (like.new_zeros(rows, self.window, numbers) for _ in range(2))
        self.gram = like.new_zeros(rows, self.window, self.window)

    def __call__(self, x: Tensor, fx: Tensor) -> Tensor:
        slot = self.count % self.window
        self.count += 1
        filled = min(self.count, self.window)
        self.f[:, slot], self.g[:, slot] = fx, fx - x
        products = (self.g[:, :filled] @ self.g[:, slot, :, None]).squeeze(2)
        self.gram[:, slot, :filled] = self.gram[:, :filled, slot] = products
        weights = _mixture(self.gram[:, :filled, :filled], self.options.ridge)
        newest = torch.zeros_like(weights)
        newest[:, slot] = 1.0
        weights = torch.where(weights.isfinite().all(1, keepdim=True), weights, newest)[:, None]
        mixed = (weights @ self.f[:, :filled]).squeeze(1)
        if self.options.damping < 1:
            mixed -= (1 - self.options.damping) * (weights @ self.g[:, :filled]).squeeze(1)
        return mixed

    def select(self, rows: Tensor) -> None:
        self.f, self.g, self.gram = self.f[rows], self.g[rows], self.gram[rows]


def _mixture(gram: Tensor, ridge: float) -> Tensor:
    """The weights a, summing to 1, that minimise a'Ga for G [R, k, k]; not finite if there is no solution."""
    length = gram.diagonal(dim1=1, dim2=2).sqrt()
    scale = length.amin(1, keepdim=True) / length  # for unit residuals, up to a factor that cancels
    unit = gram / (length[:, :, None] * length[:, None, :])
    unit.diagonal(dim1=1, dim2=2).add_(ridge)
    factor, _ = torch.linalg.cholesky_ex(unit)
    weights = scale * torch.cholesky_solve(scale[:, :, None], factor).squeeze(2)
    return weights / weights.sum(1, keepdim=True)


class _BroydenStep:
    """Keeps the inverse Jacobian B of g(x) = f(x) - x as -I plus a sum of u v'."""

    def __init__(self, memory: int, rows: int, numbers: int, like: Tensor) -> None:
        self.u, self.v = (like.new_zeros(rows, memory, numbers) for _ in range(2))
        self.before: tuple[Tensor, Tensor] | None = None
        self.count = 0

    def __call__(self, x: Tensor, fx: Tensor) -> Tensor:
        g = fx - x
        if self.before is not None:
            self._learn(x - self.before[0], g - self.before[1])
        self.before = x, g
        return x - self._times(g)

    def select(self, rows: Tensor) -> None:
        self.u, self.v = self.u[rows], self.v[rows]
        if self.before is not None:
            self.before = self.before[0][rows], self.before[1][rows]

    def _learn(self, dx: Tensor, dg: Tensor) -> None:
        """Updates B to satisfy B dg = dx with the smallest change."""
        slot = self.count % self.u.shape[1]
        if slot == 0:  # full: each update builds on the ones before, so B without the oldest one would be far off
            self.u.zero_()
            self.v.zero_()
        v = _combined(self.u, dx, self.v) - dx  # dx'B
        change = dx - self._times(dg)
        u = change / (v * dg).sum(1, keepdim=True)
        self.count += 1
        usable = u.isfinite().all(1, keepdim=True)  # not finite if the row has not moved
        self.u[:, slot], self.v[:, slot] = u.where(usable, torch.zeros_like(u)), v

    def _times(self, g: Tensor) -> Tensor:
        """Bg."""
        return _combined(self.v, g, self.u) - g


def _combined(these: Tensor, along: Tensor, give: Tensor) -> Tensor:
    """Sum over i of (these_i · along) give_i, for [R, m, n], [R, n] and [R, m, n]."""
    products = these @ along[:, :, None]
    return (products.transpose(1, 2) @ give).squeeze(1)
