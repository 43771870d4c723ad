"""Gradients of a fixed point z* = f(z*) without recording how it was found (Bai, Kolter and Koltun 2019).

Memory does not grow with the number of iterations: one application of f, or a few, are kept for the backward pass.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from nmt.nn.fixed_point import Anderson, Map, Solution, Solver
from nmt.options import LayerCount, NonNegativeFloat, Options


class Implicit(Options):
    """Implicit function theorem: the gradient v at z* solves v = J'v + w, with J = df/dz and w = dloss/dz*."""

    kind: Literal["implicit"] = "implicit"
    solver: Solver = Anderson(tolerance=1e-2, max_iterations=12)
    """Solver of that linear equation; each of its iterations is a backward pass through one application of f."""


class Phantom(Options):
    """Phantom gradients (Geng et al. 2021): backpropagation through a few more steps z <- damping f(z) + (1-damping) z.

    A cheap approximation, which tolerates fixed points that are not quite reached.
    """

    kind: Literal["phantom"] = "phantom"
    steps: LayerCount = 5
    """Number of recorded applications of f; memory grows with it. 1 is the Jacobian-free gradient."""
    damping: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Step size."""


Gradient = Annotated[Implicit | Phantom, Field(discriminator="kind")]
"""Option: the way to differentiate a fixed point."""


class JacobianPenalty(Options):
    """Keeps f contractive: adds weight |e'J|^2 / n to the loss, with e ~ N(0, I) (Bai et al. 2021, equation 6)."""

    weight: NonNegativeFloat = 0.0
    """Weight of the penalty; 0 for none. 1 to 2 is usual; start low. In refinement it joins the likelihood term."""
    frequency: Annotated[float, Field(gt=0, le=1)] = 0.4
    """Share of batches with the penalty, chosen at random; it costs about as much as two more iterations of the
    backward solver."""


@dataclass(frozen=True)
class Equilibrium:
    """A fixed point with its gradient."""

    value: Tensor
    """f applied to the solver's result."""
    forward: Solution
    """The solver's result."""
    backward: dict[str, Tensor]
    """`iterations` and `residual` of the backward solver per row, filled in when the gradient is computed."""
    penalty: Tensor | None
    """Scalar with a gradient: the `JacobianPenalty`, if this batch has one."""


def equilibrium(
    f: Map,
    start: Tensor,
    solver: Solver,
    gradient: Gradient,
    *,
    vector_axes: int,
    causal: bool = False,
    jacobian: JacobianPenalty | None = None,
) -> Equilibrium:
    """Solves z = f(z), then applies f once more, or as `gradient` says, to give gradients to everything that f uses.

    Args:
        f: one fixed function, see `nmt.nn.held`.
        start: z0, [B, ..., D].
        solver: of z = f(z).
        gradient: how to differentiate.
        vector_axes: as for the solver. The backward equation has one row per sentence.
        causal: as for the solver.
        jacobian: None for no penalty.
    """
    found = solver.solve(f, start, vector_axes=vector_axes, causal=causal)
    if not torch.is_grad_enabled():
        return Equilibrium(f(found.value), found, {}, None)
    penalised = jacobian is not None and jacobian.weight > 0 and float(torch.rand(())) < jacobian.frequency
    z = found.value.detach().requires_grad_()
    with _differentiable_twice(penalised):
        y = f(z)
    penalty = jacobian.weight * _jacobian_norm(y, z) if jacobian is not None and penalised else None
    if isinstance(gradient, Phantom):
        value = torch.lerp(z, y.to(z.dtype), gradient.damping) if gradient.damping < 1 else y
        return Equilibrium(unroll(f, value, gradient.steps - 1, gradient.damping), found, {}, penalty)
    value, statistics = _with_implicit_gradient(y, z, gradient.solver)
    return Equilibrium(value, found, statistics, penalty)


def unroll(f: Map, start: Tensor, steps: int, damping: float = 1.0) -> Tensor:
    """Plain steps, all recorded: a network of that many layers with shared weights."""
    z = start
    for _ in range(steps):
        z = torch.lerp(z, f(z).to(z.dtype), damping) if damping < 1 else f(z)
    return z


def _with_implicit_gradient(y: Tensor, z: Tensor, solver: Solver) -> tuple[Tensor, dict[str, Tensor]]:
    """y = f(z); in the backward pass the solution of v = J'v + w replaces its gradient w."""
    rows = y.shape[:1]
    statistics = {"iterations": y.new_zeros(rows), "residual": y.new_zeros(rows)}
    value = y.view_as(y)  # the backward solver starts from y, so it does not trigger its own hook

    def solve(gradient: Tensor) -> Tensor:
        w = gradient.to(torch.promote_types(gradient.dtype, torch.float32))

        def once(v: Tensor) -> Tensor:
            (back,) = torch.autograd.grad(y, z, v.to(y.dtype), retain_graph=True)
            return w + back

        found = solver.solve(once, w, vector_axes=w.dim() - 1, relative_to=w)
        statistics["iterations"].copy_(found.iterations)
        statistics["residual"].copy_(found.residual)
        return found.value.to(gradient.dtype)

    value.register_hook(solve)  # type: ignore[no-untyped-call]
    return value, statistics


def _jacobian_norm(y: Tensor, z: Tensor) -> Tensor:
    """One draw of |e'J|^2 / n, whose expectation is the squared Frobenius norm of J = dy/dz, divided by n.

    n counts the elements of z outside padding; f is zero on padding.
    """
    probe = torch.randn_like(y)
    (product,) = torch.autograd.grad(y, z, probe, create_graph=True)
    return product.float().square().sum() / y.detach().count_nonzero().clamp_min(1)


def _differentiable_twice(wanted: bool) -> AbstractContextManager[object]:
    """Avoids torch's fused attention, which has no second derivative."""
    return sdpa_kernel(SDPBackend.MATH) if wanted else nullcontext()
