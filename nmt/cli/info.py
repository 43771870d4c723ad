"""`nmt info`: describes a model directory."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from nmt.cli.scores import show_scores

_OF_SOURCES = ("source_language", "source_vocabulary", "longest_source", "several_sentences")
"""Metadata about sources, not shown for a language model."""


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(model: Path, as_json: bool) -> None:
    """Show the languages, sizes, parameters, scores and provenance of a model directory."""
    from nmt.bundle import read_metadata

    found = read_metadata(model)
    metadata = found.model_dump(mode="json")
    if as_json:
        sys.stdout.write(json.dumps(metadata, indent=2, ensure_ascii=False) + "\n")
        return
    from rich.table import Table
    from rich.text import Text

    from nmt.cli.console import stdout_console

    scores = metadata.pop("scores")
    if found.task == "language_model":
        metadata = {"task": "language model"} | {k: v for k, v in metadata.items() if k not in _OF_SOURCES}
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in _rows(metadata):
        table.add_row(name, Text(value))
    console = stdout_console()
    console.print(str(model), style="bold", soft_wrap=True)
    console.print(table)
    if scores:
        console.print()
        show_scores(scores, console)


def _rows(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as rows of name and text."""
    for name, value in values.items():
        label = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from _rows(value, f"{label} · ")
        elif isinstance(value, int) and not isinstance(value, bool):
            yield label, f"{value:,}"
        elif isinstance(value, list):
            yield label, "\n".join(map(str, value))
        elif isinstance(value, float):
            yield label, f"{value:,.1f}"
        else:
            yield label, str(value)
