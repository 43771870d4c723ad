"""Standard input, output and error of a command, in whatever state they are; and signals that end the command."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import BinaryIO, cast

from nmt.errors import UserError

_STDIN, _STDOUT, _STDERR = range(3)
_BROKEN = 2


class Terminated(BaseException):
    """SIGTERM or SIGHUP as an exception, so the program cleans up before it ends."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number
        """Exit status that shells expect."""


def prepare_streams() -> None:
    """Makes the standard streams usable, even if the caller closed some, and in any locale.

    The first file opened would take the number of a closed stream, and output meant for the stream would end up in
    the file; therefore /dev/null takes the number. A character that the terminal's encoding lacks is written as an
    escape; files and pipes get UTF-8.

    Raises:
        UserError: standard output is closed, so all results would be lost.
    """
    for number, name in ((_STDIN, "stdin"), (_STDERR, "stderr"), (_STDOUT, "stdout")):
        if getattr(sys, name) is None:
            _give_to_null(number)
            if number == _STDERR:
                sys.stderr = open(_STDERR, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 -- for good
            elif number == _STDOUT:
                sys.stdout = open(_STDOUT, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 -- for good
                fix = "Redirect it to a file, or to /dev/null."
                raise UserError("standard output", "an open stream", "a closed one", fix)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = stream.encoding if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace", newline="\n")


def colour() -> bool | None:
    """Whether click writes colours, by the same environment variables as rich; None: only on a terminal."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def standard_input() -> BinaryIO:
    """Standard input as bytes, for a separate thread to wait on.

    Not sys.stdin's buffer: a thread that waits in it holds its lock, and the interpreter aborts at exit if it cannot
    get that lock.

    Raises:
        UserError: standard input is closed.
    """
    if sys.stdin is None:
        raise UserError("standard input", "an open stream, or a file as INPUT", "a closed one")
    try:
        descriptor = sys.stdin.fileno()
    except (OSError, ValueError):  # a test's stand-in
        return sys.stdin.buffer
    return cast(BinaryIO, io.FileIO(descriptor, closefd=False))


def forget_unwritten(status: int) -> int:
    """Flushes standard output, because an error while the interpreter flushes it at exit could not be reported.

    Args:
        status: exit status of the command so far.

    Returns:
        The same status, or that of a user error if the output cannot be written.
    """
    is_own = sys.stdout is sys.__stdout__  # the owner of a replacement takes care of it
    try:
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        return status
    except (OSError, ValueError) as error:
        if status == 0:
            status = _BROKEN
            with suppress(OSError):
                sys.stderr.write(f"nmt: standard output: expected a writable stream, got {error}.\n")
        return status
    finally:
        with suppress(OSError, ValueError):
            if is_own and (status or sys.stdout.closed):
                _give_to_null(_STDOUT)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Makes SIGTERM and SIGHUP raise `Terminated` in the block, unless they are ignored (nohup) or handled already."""
    before = {}
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            with suppress(ValueError):  # outside the main thread
                before[number] = signal.signal(number, _raise)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, frame: FrameType | None) -> None:
    raise Terminated(number)


def _give_to_null(number: int) -> None:
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
