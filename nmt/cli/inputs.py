"""Text files that a command reads; `-` is standard input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from nmt.cli.streams import standard_input
from nmt.errors import UserError
from nmt.text import read_lines

STANDARD = Path("-")
"""Stands for standard input when reading and for standard output when writing."""


def input_lines(path: Path) -> Iterator[str]:
    """The lines of a file or of standard input, as `nmt.text.read_lines` returns them."""
    return read_lines(standard_input() if path == STANDARD else path)


def input_name(path: Path) -> str:
    """The input's name for messages."""
    return "standard input" if path == STANDARD else str(path)


def check_one_dash(paths: Sequence[Path | None]) -> None:
    """Checks that standard input is used at most once.

    Raises:
        UserError: more than one of the paths is standard input.
    """
    if (dashes := paths.count(STANDARD)) > 1:
        raise UserError("-", "standard input for only one file", f"{dashes} of them", "Name files for the others.")
