"""Solvers of z = f(z): plain iteration, Anderson and Broyden, each row by itself.

All are pure functions of (f, z0). A row is one independent equation, a sentence or a position: it has its own
coefficients, its own best iterate and its own end, so that batch mates never change a result. A row that has
converged is frozen and neither moves nor diverges while others go on.

Axes: the leading axes of z number the rows, R in all, and the last `vector_axes` make a row's vector, of n numbers. The
methods see z as [R, n]. Entries that f leaves at zero (padding) take no part in any norm.
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
    """Makes the next x; it remembers those before."""

    def __call__(self, x: Tensor, fx: Tensor) -> Tensor:
        """From x and f(x), both [R, n]."""

    def select(self, rows: Tensor) -> None:
        """Forgets all rows but these."""


@dataclass(frozen=True)
class Narrowing:
    """How rows that have converged leave the computation, in groups: the hypotheses of a sentence, say."""

    group: int
    """Rows beside each other that stay or leave together."""
    to: Callable[[Tensor], Map]
    """f for the rows of some groups only, given the numbers of these groups, int64, ascending."""


@dataclass(frozen=True)
class Solution:
    """What was found; all but `value` have one entry per row."""

    value: Tensor
    """Of the shape of z0: f of the iterate with the lowest residual, which is not always the last."""
    residual: Tensor
    """|f(x) - x| / |f(x)| at that iterate x, or relative to what was asked for; infinite if no iterate was finite."""
    iterations: Tensor
    """int64: applications of f until the row converged, or all."""


class _Solver(Options):
    """When to stop."""

    kind: str
    tolerance: NonNegativeFloat = 1e-2
    """Relative residual |f(z) - z| / |f(z)| at which a row is done; 0 to use up max_iterations. In bf16 no residual
    falls far below 1e-2; in fp32 1e-3 is usual."""
    max_iterations: Iterations = 12
    """Most applications of f."""

    @abstractmethod
    def method(self, rows: int, numbers: int, like: Tensor) -> Method:
        """What makes the next iterate, for one solution of `rows` vectors of `numbers`."""

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
            f: z to f(z), of the same shape; row by row but for `causal`.
            start: z0.
            vector_axes: how many of its last axes make one vector.
            causal: row t of the last row axis may depend on rows up to t of that axis. Its residual is then the largest
                of these, so that it is not frozen at what follows from unfinished ones; and it never depends on later
                ones.
            relative_to: of the shape of z0; residuals are measured by its length instead of that of f(z). For linear
                equations it is the constant term: a solver that runs away makes f(z) large and would look successful.
            narrowing: saves the work on rows that have converged; not with `causal`.
        """
        return _solve(self, f, start, start.dim() - vector_axes, causal, relative_to, narrowing)


class Picard(_Solver):
    """Plain iteration z <- damping f(z) + (1 - damping) z."""

    kind: Literal["picard"] = "picard"
    damping: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Step size; below 1 where plain iteration swings to and fro."""

    def method(self, rows: int, numbers: int, like: Tensor) -> Method:
        return _PicardStep(self.damping)


class Anderson(_Solver):
    """Anderson's acceleration: the mixture of the last iterates whose mixed residual is the shortest."""

    kind: Literal["anderson"] = "anderson"
    window: Annotated[int, Field(ge=2, le=1000)] = 6
    """Iterates that are mixed, and kept in memory twice."""
    ridge: PositiveFloat = 1e-4
    """Added to the Gram matrix of the residuals, each brought to unit length before, so it means the same however far
    the solution has come."""
    damping: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of f in the mixture of f(x) and x."""

    def method(self, rows: int, numbers: int, like: Tensor) -> Method:
        return _AndersonMixture(self, rows, numbers, like)


class Broyden(_Solver):
    """Broyden's (good) method: Newton with an inverse Jacobian that learns from every step, of limited memory."""

    kind: Literal["broyden"] = "broyden"
    memory: Annotated[int, Field(ge=1, le=1000)] = 20
    """Steps that it learns from, and keeps in memory twice; after so many it begins to learn anew."""

    def method(self, rows: int, numbers: int, like: Tensor) -> Method:
        return _BroydenStep(min(self.memory, self.max_iterations), rows, numbers, like)


Solver = Annotated[Picard | Anderson | Broyden, Field(discriminator="kind")]
"""Any of them, as an option."""


@dataclass
class _Progress(Rows):
    """The rows that are still computed."""

    number: Tensor
    """[R] int64: which of all rows."""
    x: Tensor
    """[R, n]"""
    best: Tensor
    """[R, n]: f at the best iterate."""
    residual: Tensor
    """[R], of that one."""
    iterations: Tensor
    done: Tensor
    scale: Tensor | None
    """[R]: what residuals are measured by; None: |f(x)|."""

    def observe(self, fx: Tensor, tolerance: float, row_shape: torch.Size | None) -> None:
        """Takes in f(x); `row_shape` where a row cannot be better than those before it on the last axis."""
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
        stays = at.done | ~proposed.isfinite().all(1)  # what is not finite would spread to other rows of a causal f
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
    """The rows of groups that are not all done; None while they are most, since selecting has its price."""
    needed = ~done.view(-1, group).all(1)
    if int(needed.sum()) > _MOST * len(needed):
        return None
    return needed.repeat_interleave(group).nonzero().squeeze(1)


_MOST = 0.75
"""Share of the groups."""


def _merged(all_rows: _Progress, some: _Progress) -> _Progress:
    """All rows, with what is known of some of them."""
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
    """[R], above 0, so that a row of zeros has residual 0."""
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
    """The weights a, summing to 1, with the least a'Ga, G being [R, k, k]; not finite where there are none."""
    length = gram.diagonal(dim1=1, dim2=2).sqrt()
    scale = length.amin(1, keepdim=True) / length  # of unit residuals, up to a factor that drops out
    unit = gram / (length[:, :, None] * length[:, None, :])
    unit.diagonal(dim1=1, dim2=2).add_(ridge)
    factor, _ = torch.linalg.cholesky_ex(unit)
    weights = scale * torch.cholesky_solve(scale[:, :, None], factor).squeeze(2)
    return weights / weights.sum(1, keepdim=True)


class _BroydenStep:
    """Keeps the inverse Jacobian B of g(x) = f(x) - x as -I + sum of u v'."""

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
        """Makes B dg = dx by the smallest change."""
        slot = self.count % self.u.shape[1]
        if slot == 0:  # full: updates were made upon those before them, so that B without the oldest is not even near
            self.u.zero_()
            self.v.zero_()
        v = _combined(self.u, dx, self.v) - dx  # dx'B
        change = dx - self._times(dg)
        u = change / (v * dg).sum(1, keepdim=True)
        self.count += 1
        usable = u.isfinite().all(1, keepdim=True)  # not where nothing has moved
        self.u[:, slot], self.v[:, slot] = u.where(usable, torch.zeros_like(u)), v

    def _times(self, g: Tensor) -> Tensor:
        """Bg."""
        return _combined(self.v, g, self.u) - g


def _combined(these: Tensor, along: Tensor, give: Tensor) -> Tensor:
    """Sum over i of (these_i · along) give_i, for [R, m, n], [R, n] and [R, m, n]."""
    products = these @ along[:, :, None]
    return (products.transpose(1, 2) @ give).squeeze(1)
