"""Progress of a command through a file: a bar on a terminal, an occasional line in a log."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from nmt.cli.inputs import STANDARD

ItemT = TypeVar("ItemT")

_LINE_EVERY_SECONDS = 60.0


def watched_lines(items: Iterable[ItemT], name: str, source: Path | None) -> Iterator[ItemT]:
    """Passes items through, one per line of a file, and shows count, speed and time remaining on standard error.

    Args:
        items: results for the lines.
        name: name of the work.
        source: the file; None or - for standard input, whose length is unknown.
    """
    from nmt.cli.bar import Bar
    from nmt.cli.console import is_live, stderr_console
    from nmt.text import count_lines

    total = count_lines(source) if source and source != STANDARD else 0
    console, start = stderr_console(), time.monotonic()
    if not is_live(console):
        yield from _logged(items, name, total)
        return
    bar = Bar(console, name)
    try:
        bar.show(0, total, "", None)
        for number, item in enumerate(items, start=1):
            yield item
            seconds = time.monotonic() - start
            left = seconds / number * (total - number) if number <= total else None
            bar.show(number, total if number <= total else 0, f"{number / seconds:,.1f} lines/s", left)
    finally:
        bar.close()


def _logged(items: Iterable[ItemT], name: str, total: int) -> Iterator[ItemT]:
    start = shown = time.monotonic()
    for number, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - shown >= _LINE_EVERY_SECONDS:
            from nmt.pipeline.reporter import duration

            shown, seconds = now, now - start
            share = f"{number} lines"
            if number <= total:
                share = f"{number}/{total} lines, {duration(seconds / number * (total - number))} left"
            sys.stderr.write(f"nmt: {name}: {share}, {number / seconds:,.1f} lines/s\n")
            sys.stderr.flush()


@contextmanager
def busy(name: str) -> Iterator[None]:
    """A spinner on a terminal, for work of unknown duration."""
    from nmt.cli.bar import Bar
    from nmt.cli.console import is_live, stderr_console

    console = stderr_console()
    if not is_live(console):
        yield
        return
    bar = Bar(console, name)
    try:
        yield
    finally:
        bar.close()


def prints_to_file() -> bool:
    """Whether standard output is a regular file, so progress on the terminal disturbs nothing.

    False for a pipe: its reader may draw on the terminal, as `less` does.
    """
    try:
        return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):  # closed, or replaced by a test
        return False
