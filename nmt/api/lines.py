"""Text as callers give it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from nmt.errors import UserError


def checked_lines(lines: Iterable[str], name: str) -> Iterator[str]:
    """The same lines, one at a time.

    Args:
        lines: of a list, a file, a generator …
        name: what to call them in an error.

    Raises:
        UserError: at once where these are no lines at all, or at the first that is no text.
    """
    if isinstance(lines, (str, bytes, bytearray, os.PathLike)):
        fix = "A list of one str is one line; open(path, encoding='utf-8') gives the lines of a file."
        raise UserError(name, "several lines, each a str", f"one {type(lines).__name__}", fix)
    if not isinstance(lines, Iterable):
        raise UserError(name, "lines, each a str", type(lines).__name__)
    return _texts(lines, name)


def _texts(lines: Iterable[object], name: str) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if not isinstance(line, str):
            raise UserError(f"{name}, line {number}", "text, a str", type(line).__name__)
        yield line
