"""Sentences that a person types at a prompt, with the line editing and the history of readline where there is one."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import suppress

import click

_PROMPT = "> "


def is_typed() -> bool:
    """Whether a person types on this terminal and reads the answers there."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def typed_lines() -> Iterator[list[str]]:
    """What is typed, a group for each press of Enter; pasted lines come together. Ctrl-D ends.

    The main thread itself waits here: readline gives the terminal back as it was when a signal ends the wait, which it
    could not for a thread that is left behind. What was typed is forgotten with the process: it may be private.
    """
    with suppress(ImportError):  # Windows has an editor of its own
        import readline  # noqa: F401 -- `input` uses it
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    while True:
        try:
            text = input(_PROMPT)
        except (EOFError, KeyboardInterrupt) as ended:
            click.echo(err=True)  # what the shell says next begins a line
            if isinstance(ended, KeyboardInterrupt):
                raise
            return
        yield text.split("\n")
