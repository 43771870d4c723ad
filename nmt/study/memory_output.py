"""The results of memory probes: tables, memory.json, table.md and a figure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.output import write_atomically
from nmt.pipeline.environment import versions
from nmt.study.memory import Probed
from nmt.study.plan import Plan, are_numbers
from nmt.study.plot import STYLE, line_styles, new_figure, write_figure
from nmt.study.table import markdown_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULTS, TABLE, FIGURE = "memory.json", "table.md", "memory"
COLUMNS = ("architecture", "parameters", "largest distance", "exact match there", "first lost", "exact match there")
TRIED_COLUMNS = ("architecture", "distance", "exact match", "bits known of the token", "reproduced")


def rows_of(probed: Sequence[Probed]) -> list[tuple[str, ...]]:
    """One row for each architecture: its largest distance and the one at which it fails."""
    return [tuple(_row(one)) for one in probed]


def _row(one: Probed) -> Iterator[str]:
    found, lost = one.search.reproduced, one.search.lost
    yield one.variant.name
    yield f"{one.parameters:,}" if one.parameters is not None else ""
    yield f"{found}" + ("" if lost is not None else " or more")
    yield _accuracy(one, found) if found else ""
    yield f"{lost}" if lost is not None else ""
    yield _accuracy(one, lost) if lost is not None else ""


def tried_rows_of(probed: Sequence[Probed]) -> list[tuple[str, ...]]:
    """One row for each distance that was tried."""
    return [
        (
            one.variant.name,
            f"{distance}",
            _accuracy(one, distance),
            "" if (bits := one.bits(distance)) is None else f"{bits:.2f}",
            "yes" if distance <= one.search.reproduced else "no",
        )
        for one in probed
        for distance in sorted(one.runs)
    ]


def _accuracy(one: Probed, distance: int) -> str:
    found = one.accuracy(distance)
    if found.mean is None:
        return ""
    return f"{found.mean:.1f}" + ("" if found.deviation is None else f" ± {found.deviation:.1f}")


def write_memory(plan: Plan, probed: Sequence[Probed], threshold: float) -> None:
    """Writes memory.json and table.md into the plan's folder."""
    content = {
        "threshold": threshold,
        "seeds": list(plan.study.seeds),
        "architectures": [_as_json(one) for one in probed],
        "versions": versions(),
    }
    with write_atomically(plan.directory / RESULTS) as handle:
        json.dump(content, handle, indent=2, ensure_ascii=False)
        handle.write("\n")
    with write_atomically(plan.directory / TABLE) as handle:
        tables = (COLUMNS, rows_of(probed)), (TRIED_COLUMNS, tried_rows_of(probed))
        handle.write("\n\n".join(markdown_table(*table) for table in tables) + "\n")


def _as_json(one: Probed) -> dict[str, Any]:
    return {
        "name": one.variant.name,
        "grid": dict(one.variant.values),
        "parameters": one.parameters,
        "vocabulary": one.vocabulary,
        "largest_distance": one.search.reproduced,
        "first_lost": one.search.lost,
        "tried": [
            {
                "distance": distance,
                "exact_match": one.accuracy(distance).mean,
                "deviation": one.accuracy(distance).deviation,
                "bits": one.bits(distance),
            }
            for distance in sorted(one.runs)
        ],
    }


def draw_memory(plan: Plan, probed: Sequence[Probed]) -> list[Path]:
    """Draws the largest distance over the first axis with numbers, or exact match over distance if there is none.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib import rc_context

    axis = next((key for key, values in plan.study.grid.items() if are_numbers(values)), None)
    with rc_context(STYLE):
        figure = _accuracies(probed) if axis is None else _distances(probed, axis)
        return list(write_figure(figure, plan.directory / FIGURE))


def _accuracies(probed: Sequence[Probed]) -> Figure:
    figure, axes = new_figure(7.0, 4.2)
    for one, look in zip(probed, line_styles(), strict=False):
        points = [(d, mean) for d in sorted(one.runs) if (mean := one.accuracy(d).mean) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), label=one.variant.name, markersize=5, **look)
    chance = 100 / max(one.vocabulary for one in probed)
    axes.axhline(chance, color="#666666", linestyle=":", linewidth=1.2, label="chance")
    axes.set_xlabel("distance from the end (tokens)")
    axes.set_ylabel("exact match (%)")
    axes.set_ylim(0, 104)
    axes.legend(frameon=False)
    return figure


def _distances(probed: Sequence[Probed], axis: str) -> Figure:
    from matplotlib.ticker import MaxNLocator

    figure, axes = new_figure(7.0, 4.2)
    lines = dict[str, list[tuple[float, int]]]()
    for one in probed:
        others = [label for key, label in one.variant.point.items() if key != axis]
        name = ", ".join(filter(None, (one.variant.system if one.variant.system != one.variant.name else "", *others)))
        lines.setdefault(name, []).append((one.variant.values[axis], one.search.reproduced))
    for number, ((name, points), look) in enumerate(zip(lines.items(), line_styles(), strict=False)):
        # Lines of whole numbers often coincide: earlier ones are broader, so they show below later ones.
        broader = len(lines) - 1 - number
        size: dict[str, Any] = {"markersize": 5 + 3 * broader, "linewidth": 1.5 + broader}
        axes.plot(*zip(*sorted(points), strict=True), label=name or None, **size, **look)
    axes.set_xlabel(axis)
    axes.set_xticks(sorted({value for points in lines.values() for value, _ in points}))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("largest distance reproduced (tokens)")
    axes.set_ylim(0, 1.05 * max(1, *(one.search.reproduced for one in probed)))
    if len(lines) > 1:
        axes.legend(frameon=False)
    return figure
