"""Tables and figures of studies and probes on the console."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table


def show_rows(columns: Iterable[str], rows: Iterable[Sequence[str]], console: Console) -> None:
    """Prints a table, all columns but the first flush right; only a terminal breaks lines within them."""
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", not console.is_terminal
    for row in rows:
        table.add_row(*row)
    console.print(table)


def draw_figures(draw: Callable[[], Sequence[Path]], console: Console) -> None:
    """Draws figures and prints their names, or how to get them if matplotlib is not installed."""
    try:
        figures = draw()
    except ImportError:
        fix = "`pip install 'nmt-toolkit[plot]'` adds it; the same command then draws them."
        console.print(f"No figures were drawn: matplotlib is not installed. {fix}", soft_wrap=True)
        return
    if figures:
        console.print(f"Figures: {', '.join(path.name for path in figures)}", soft_wrap=True)
