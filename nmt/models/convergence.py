"""Whether the solvers of a deep equilibrium model still find what its gradients take for granted.

Residuals creep up while such a model trains, and numbers that are not finite come last (Bai, Koltun and Kolter 2021,
section 3). They are judged here by what they mean for the gradient, not by the tolerance: in bf16 a solver uses up its
iterations above it, and that is as it should be.
"""

from __future__ import annotations

from collections.abc import Mapping

FORWARD_LIMIT = 0.1
"""Of |f(z) - z| / |f(z)|: beyond it, z is a tenth of its length from where f takes it, and is no fixed point."""
BACKWARD_LIMIT = 0.5
"""Of |J'v + w - v| / |w|: v is the exact gradient for a w that is wrong by this share of its length. Up to 0.5 such a w
is within 30 degrees of the true one; at 1, where no solution at all stands (v = 0), it may be at right angles to it."""


_PARTS = ("encoder", "decoder")


def concern(statistics: Mapping[str, float], *, implicit: bool) -> str:
    """In what residuals are too large, what it means and what helps; empty if they are not.

    Args:
        statistics: means of `encoder_residual`, `encoder_iterations`, `encoder_backward_residual`, … and the same of
            the decoder; those that are absent are not judged.
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
    return name in statistics and not statistics[name] <= limit  # nor is NaN


def _figures(statistics: Mapping[str, float], solver: str) -> str:
    return f"{statistics[f'{solver}_residual']:.2g} after {statistics[f'{solver}_iterations']:.3g} iterations"


def _meaning(implicit: bool) -> str:
    if not implicit:
        return f"Above {FORWARD_LIMIT}, what the model computes depends on the number of iterations."
    return f"Above {FORWARD_LIMIT}, or {BACKWARD_LIMIT} for a gradient, implicit gradients are not to be trusted."


def _remedies(solvers: list[str], implicit: bool) -> str:
    """In the order in which to try them, by their keys in the recipe."""
    phantom = "phantom gradients (model.gradient.kind: phantom, model.gradient.steps: 5 to 12)"
    return "; ".join(
        [
            "What helps, in this order: longer pretraining (model.pretraining.updates)",
            f"more iterations ({', '.join(f'model.{solver}.max_iterations' for solver in solvers)})",
            "the Jacobian penalty (model.jacobian.weight: 0.1 at first, or more than now)",
            *([phantom] if implicit else []),
            "a lower learning rate (training.schedule.learning_rate)",
            "shorter gradients (training.clip_norm: 0.25 to 1).",
        ]
    )
