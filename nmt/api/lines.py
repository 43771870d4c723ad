"""Checks text that callers pass."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from nmt.errors import UserError


def checked_lines(lines: Iterable[str], name: str) -> Iterator[str]:
    """Passes the lines through one at a time.

    Args:
        lines: a list, a file, a generator …
        name: the argument's name for errors.

    Raises:
        UserError: immediately if `lines` is not an iterable of lines, else at the first item that is not a str.
    """
    if isinstance(lines, (str, bytes, bytearray, os.PathLike)):
        fix = "Use a list with one str for one line, or open(path, encoding='utf-8') for the lines of a file."
        raise UserError(name, "several lines, each a str", f"one {type(lines).__name__}", fix)
    if not isinstance(lines, Iterable):
        raise UserError(name, "lines, each a str", type(lines).__name__)
    return _texts(lines, name)


def checked_references(given: Iterable[str] | Sequence[Sequence[str]]) -> list[list[str]]:
    """One or more reference texts, each as a list of lines.

    Raises:
        UserError: a line is not a str.
    """
    if not isinstance(given, Sequence) or not given or isinstance(given[0], str):
        return [list(checked_lines(given, "reference"))]  # type: ignore[arg-type]  # it checks each item
    return [list(checked_lines(lines, f"reference {number}")) for number, lines in enumerate(given, 1)]


def _texts(lines: Iterable[object], name: str) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if not isinstance(line, str):
            raise UserError(f"{name}, line {number}", "text, a str", type(line).__name__)
        yield line
