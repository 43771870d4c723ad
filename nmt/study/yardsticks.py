"""Scores of simple strategies and of the optimum on the test set, for corpora that have them."""

from __future__ import annotations

from dataclasses import dataclass

from nmt.study.measure import NO_CURVE, Measured
from nmt.study.results import Results


@dataclass(frozen=True)
class YardstickRow:
    """A strategy as a row below the systems."""

    name: str
    values: tuple[float | None, ...]
    """The study's measure, then each further one; None where it has none."""
    common: bool
    """Whether it is the same for all systems."""


def yardsticks_of(results: Results) -> list[YardstickRow]:
    """The strategies in the reports of the finished runs.

    Where systems have different test sets, as in a grid of task sizes, a strategy has a row for each different result,
    which names the systems that it belongs to.
    """
    if not results.test_set:
        return []
    found: dict[str, dict[tuple[float | None, ...], dict[str, None]]] = {}
    for system in results.systems:
        for run in system.finished:
            for name, scores in run.report.get("yardsticks", {}).get(results.test_set, {}).items():
                values = tuple(m.of(Measured({results.test_set: scores}, NO_CURVE)) for m in results.measures)
                if values[0] is not None:
                    found.setdefault(name, {}).setdefault(values, {})[system.variant.name] = None
    return [
        YardstickRow(name if len(rows) == 1 else f"{name} ({'; '.join(systems)})", values, len(rows) == 1)
        for name, rows in found.items()
        for values, systems in rows.items()
    ]
