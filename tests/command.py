"""The command line in this process, streams and exit status as a process has them: what needs no new Python costs none.

A process of its own starts Python and torch, seconds each time; tests of signals, locales, other threads' streams and
of what is imported need one, all others do not.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from nmt.cli.main import main


@dataclass(frozen=True)
class Done:
    """What became of a command."""

    returncode: int
    stdout: str
    stderr: str


def nmt(*arguments: object, given: str | bytes = "", environment: Mapping[str, str] | None = None) -> Done:
    """Runs `nmt` with these arguments.

    Args:
        arguments: words of the command line, of any type.
        given: standard input.
        environment: variables that stand in for those there are.
    """
    raw = given.encode() if isinstance(given, str) else given
    stdin, stdout, stderr = (io.TextIOWrapper(io.BytesIO(data), encoding="utf-8") for data in (raw, b"", b""))
    with (
        mock.patch.dict(os.environ, environment or {}),
        mock.patch.multiple(sys, stdin=stdin, stdout=stdout, stderr=stderr),
    ):
        status: object = None
        try:
            main([os.fspath(word) if isinstance(word, Path) else str(word) for word in arguments])
        except SystemExit as ended:
            status = ended.code
    return Done(status if isinstance(status, int) else 1, _written(stdout), _written(stderr))


def succeed(*arguments: object, given: str | bytes = "", environment: Mapping[str, str] | None = None) -> str:
    """Runs it, and returns what it printed; fails with its message."""
    done = nmt(*arguments, given=given, environment=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode()
