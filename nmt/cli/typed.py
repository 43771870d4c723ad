"""Sentences typed at a prompt, with readline's line editing and history if available."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import suppress

import click

_PROMPT = "> "


def is_typed() -> bool:
    """Whether both input and output are a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def typed_lines() -> Iterator[list[str]]:
    """Typed lines, one group per press of Enter; lines pasted together form a group. Ctrl-D ends.

    The main thread itself waits here: when a signal ends the wait, readline restores the terminal, which it could not
    do for an abandoned thread. The history is not saved, because it may be private.
    """
    with suppress(ImportError):  # Windows has an editor of its own
        import readline  # noqa: F401 -- `input` uses it
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    while True:
        try:
            text = input(_PROMPT)
        except (EOFError, KeyboardInterrupt) as ended:
            click.echo(err=True)  # the shell's prompt starts on a new line
            if isinstance(ended, KeyboardInterrupt):
                raise
            return
        yield text.split("\n")
