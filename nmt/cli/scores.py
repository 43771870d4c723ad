"""Scores of test sets as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def show_scores(scores: Mapping[str, Mapping[str, Any]], console: Console) -> None:
    """A row per test set, and the signatures that make the numbers comparable.

    Args:
        scores: by test set, as `nmt.evaluation.bleu.Scores.json` gives them.
        console: where to.
    """
    from rich import box
    from rich.table import Table

    table = Table("test set", "BLEU", "chrF", "TER", "lines", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    signatures: dict[str, str] = {}
    for name, of_set in scores.items():
        measures = [of_set.get(measure) for measure in ("bleu", "chrf", "ter")]
        values = (f"{measure['score']:.1f}" if measure else "–" for measure in measures)
        table.add_row(name, *values, str(of_set.get("lines", "–")))
        signatures |= {str(measure["signature"]): str(measure["name"]) for measure in measures if measure}
    console.print(table)
    for signature, name in signatures.items():
        console.print(f"{name:<5} {signature}", style="dim", soft_wrap=True)
