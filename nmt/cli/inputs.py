"""Files of text that a command reads; `-` is standard input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from nmt.cli.streams import standard_input
from nmt.errors import UserError
from nmt.text import read_lines

STANDARD = Path("-")
"""Stands for standard input where a file is read, and for standard output where one is written."""


def input_lines(path: Path) -> Iterator[str]:
    """The lines of a file or of standard input, as `nmt.text.read_lines` gives them."""
    return read_lines(standard_input() if path == STANDARD else path)


def input_name(path: Path) -> str:
    """What to call it in a message."""
    return "standard input" if path == STANDARD else str(path)


def check_one_dash(paths: Sequence[Path | None]) -> None:
    """Standard input can be read once.

    Raises:
        UserError: more than one of the paths stands for it.
    """
    if (dashes := paths.count(STANDARD)) > 1:
        raise UserError("-", "standard input to be one of the files", f"{dashes} of them", "Name files for the others.")
