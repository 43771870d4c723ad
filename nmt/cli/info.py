"""`nmt info`: what is in a model directory."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(model: Path, as_json: bool) -> None:
    """Show the languages, sizes, parameters, scores and provenance of a model directory."""
    from nmt.bundle import read_metadata

    metadata = read_metadata(model).model_dump(mode="json")
    if as_json:
        sys.stdout.write(json.dumps(metadata, indent=2, ensure_ascii=False) + "\n")
        return
    from rich.table import Table
    from rich.text import Text

    from nmt.cli.console import stdout_console

    table = Table(show_header=False, title=str(model))
    for name, value in _rows(metadata):
        table.add_row(name, Text(value))
    stdout_console().print(table)


def _rows(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as rows of `name` and text."""
    for name, value in values.items():
        label = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from _rows(value, f"{label} · ")
        elif isinstance(value, int) and not isinstance(value, bool):
            yield label, f"{value:,}"
        else:
            yield label, str(value)
