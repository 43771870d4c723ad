"""Statistics over the seeds of a study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev


@dataclass(frozen=True)
class Summary:
    """Values of one system over its seeds."""

    count: int
    """Number of values."""
    mean: float | None
    """None without any value."""
    deviation: float | None
    """Sample standard deviation (n − 1); None with fewer than two values."""


def summary(values: Sequence[float]) -> Summary:
    """Mean and standard deviation."""
    return Summary(
        len(values),
        fmean(values) if values else None,
        stdev(values) if len(values) > 1 else None,
    )


def pooled_deviation(one: Summary, other: Summary) -> float | None:
    """The standard deviation of a run around its system's mean, from both systems; None without repeated seeds."""
    known = [(s.deviation, s.count) for s in (one, other) if s.deviation is not None]
    freedom = sum(count - 1 for _, count in known)
    return math.sqrt(sum(d * d * (count - 1) for d, count in known) / freedom) if freedom else None


def combined_p(differences: Sequence[float], p_values: Sequence[float]) -> float:
    """One p-value for a difference of means, from a two-sided test for each pair of runs with the same seed.

    All tests use the same sentences, so they are not independent. Twice the mean of p-values is a p-value whatever
    their dependence (Rüschendorf 1982; Vovk and Wang 2020, Biometrika 107). It is applied to one-sided p-values in the
    direction of the mean difference, so pairs that contradict it count against it, and doubled for the two sides.

    Args:
        differences: the difference of each pair.
        p_values: two-sided p-value of each pair.
    """
    if len(p_values) == 1:
        return p_values[0]
    direction = math.copysign(1.0, fmean(differences))
    one_sided = [p / 2 if d * direction > 0 else 1 - p / 2 for d, p in zip(differences, p_values, strict=True)]
    return min(1.0, 4 * fmean(one_sided))
