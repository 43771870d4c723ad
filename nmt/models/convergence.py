"""Checks that the solvers of a deep equilibrium model still find the fixed points that its gradients assume.

Residuals creep up while such a model trains, and in the end numbers are no longer finite (Bai, Koltun and Kolter 2021,
section 3). Residuals are judged here by their effect on the gradient, not by the tolerance: in bf16 a solver normally
uses up its iterations without reaching it.
"""

from __future__ import annotations

from collections.abc import Mapping

FORWARD_LIMIT = 0.1
"""Limit of |f(z) - z| / |f(z)|: beyond it, f moves z by more than a tenth of its length, so z is no fixed point."""
BACKWARD_LIMIT = 0.5
"""Limit of |J'v + w - v| / |w|: v is the exact gradient for a w that is off by this share of its length. Up to 0.5 such
a w is within 30 degrees of the true one; at 1, the value for v = 0, no solution at all, it may be orthogonal to it."""


_PARTS = ("encoder", "decoder")


def concern(statistics: Mapping[str, float], *, implicit: bool) -> str:
    """A warning if residuals are too large: which ones, what it means and what helps; empty otherwise.

    Args:
        statistics: means of `encoder_residual`, `encoder_iterations`, `encoder_backward_residual`, … and likewise for
            the decoder; absent ones are not judged.
        implicit: whether gradients come from the implicit function theorem.
    """
    forward = [part for part in _PARTS if _exceeds(statistics, f"{part}_residual", FORWARD_LIMIT)]
    backward = [part for part in _PARTS if _exceeds(statistics, f"{part}_backward_residual", BACKWARD_LIMIT)]
    if not forward and not backward:
        return ""
    found = [f"the {part}'s relative residual is {_figures(statistics, part)}" for part in forward]
    found += [f"that of the {part}'s gradient is {_figures(statistics, f'{part}_backward')}" for part in backward]
    solvers = [f"{part}_solver" for part in forward] + ["gradient.solver"] * bool(backward)
    problem = f"training does not converge to fixed points: {', '.join(found)}."
    return f"{problem} {_meaning(implicit)} {_remedies(solvers, implicit)}"


def _exceeds(statistics: Mapping[str, float], name: str, limit: float) -> bool:
    return name in statistics and not statistics[name] <= limit  # NaN counts as exceeding


def _figures(statistics: Mapping[str, float], solver: str) -> str:
    return f"{statistics[f'{solver}_residual']:.2g} after {statistics[f'{solver}_iterations']:.3g} iterations"


def _meaning(implicit: bool) -> str:
    if not implicit:
        return f"Above {FORWARD_LIMIT}, the model's output depends on the number of iterations."
    return f"Above {FORWARD_LIMIT}, or {BACKWARD_LIMIT} for a gradient, implicit gradients are unreliable."


def _remedies(solvers: list[str], implicit: bool) -> str:
    """Remedies with their recipe keys, in the order in which to try them."""
    phantom = "phantom gradients (model.gradient.kind: phantom, model.gradient.steps: 5 to 12)"
    return "; ".join(
        [
            "Try, in this order: longer pretraining (model.pretraining.updates)",
            f"more iterations ({', '.join(f'model.{solver}.max_iterations' for solver in solvers)})",
            "the Jacobian penalty (model.jacobian.weight: start with 0.1, or raise it)",
            *([phantom] if implicit else []),
            "a lower learning rate (training.schedule.learning_rate)",
            "stronger gradient clipping (training.clip_norm: 0.25 to 1).",
        ]
    )
