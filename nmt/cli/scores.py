"""Scores of test sets as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from nmt.evaluation.measures import MeasureName

_USUAL: tuple[MeasureName, ...] = ("bleu", "chrf", "ter")
"""Columns if no measures are named."""


def show_scores(
    scores: Mapping[str, Mapping[str, Any]],
    console: Console,
    named: Sequence[MeasureName] | None = None,
    yardsticks: Mapping[str, Mapping[str, Mapping[str, Any]]] | None = None,
) -> None:
    """Prints one row per test set, and the signatures that make the numbers comparable.

    Args:
        scores: scores by test set, as returned by `nmt.evaluation.scores.Scores.json`.
        console: the console to print on.
        named: the measures to show; None: the usual three and any non-default ones, as far as present.
        yardsticks: scores of simple strategies, by test set and by name, shown below those of the test set.
    """
    from rich import box
    from rich.table import Table

    from nmt.evaluation.measure import Score
    from nmt.evaluation.measures import MEASURES, OF_TESTS

    if named is None:
        others = [name for name in MEASURES if name not in OF_TESTS]
        named = tuple(name for name in (*_USUAL, *others) if any(name in of_set for of_set in scores.values()))
    labels = [MEASURES[name].label for name in named]
    table = Table("test set", *labels, "lines", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    signatures: dict[str, None] = {}  # in order, each once
    rows = [
        row
        for name, of_set in scores.items()
        for row in ((name, of_set), *((f"  {other}", of) for other, of in (yardsticks or {}).get(name, {}).items()))
    ]
    for name, of_set in rows:
        found = {key: Score.from_json(of_set[key]) for key in named if key in of_set}
        values = (f"{found[key].value:.{MEASURES[key].decimals}f}" if key in found else "–" for key in named)
        table.add_row(name, *values, str(of_set.get("lines", "–")))
        signatures |= dict.fromkeys(f"{score.name:<5} {score.signature}" for score in found.values())
    console.print(table)
    for signature in signatures:
        console.print(signature, style="dim", soft_wrap=True)
