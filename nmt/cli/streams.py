"""Standard input, output and error of a command, in whatever state they come; and the signals that end it."""

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
    """SIGTERM or SIGHUP, raised where the program stands, so that it tidies up on its way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number
        """Exit status that shells expect."""


def prepare_streams() -> None:
    """Makes standard streams that can be used, whatever the caller left open and whatever the locale.

    Where a stream is closed, the first file that is opened would take its number, and what is meant for the stream
    would end up in the file; so its number is given to /dev/null. A character that the terminal's encoding lacks is
    written as an escape, and files and pipes get UTF-8.

    Raises:
        UserError: standard output is closed: whatever the command has to say would be lost.
    """
    for number, name in ((_STDIN, "stdin"), (_STDERR, "stderr"), (_STDOUT, "stdout")):
        if getattr(sys, name) is None:
            _give_to_null(number)
            if number == _STDERR:
                sys.stderr = open(_STDERR, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 -- for good
            elif number == _STDOUT:
                sys.stdout = open(_STDOUT, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 -- for good
                fix = "Redirect it to a file, or to /dev/null."
                raise UserError("standard output", "to be open", "closed", fix)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = stream.encoding if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace", newline="\n")


def colour() -> bool | None:
    """Whether what click writes has colours, as rich asks the environment too; None: on a terminal it has."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def standard_input() -> BinaryIO:
    """Standard input as bytes, for a thread of its own to wait on.

    Not sys.stdin's buffer: a thread that waits in it holds its lock, and the interpreter, which wants that at its end,
    would abort.

    Raises:
        UserError: it is closed.
    """
    if sys.stdin is None:
        raise UserError("standard input", "to be open, or a file named as INPUT", "closed")
    try:
        descriptor = sys.stdin.fileno()
    except (OSError, ValueError):  # a test's stand-in
        return sys.stdin.buffer
    return cast(BinaryIO, io.FileIO(descriptor, closefd=False))


def forget_unwritten(status: int) -> int:
    """Flushes standard output, so that the interpreter has nothing to flush at its end, where it could say nothing.

    Args:
        status: of the command so far.

    Returns:
        the same, or that of a mistake if the output cannot be written.
    """
    is_own = sys.stdout is sys.__stdout__  # not a stand-in, whose owner sees to it
    try:
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        return status
    except (OSError, ValueError) as error:
        if status == 0:
            status = _BROKEN
            with suppress(OSError):
                sys.stderr.write(f"nmt: standard output: expected to be written, got {error}.\n")
        return status
    finally:
        with suppress(OSError, ValueError):
            if is_own and (status or sys.stdout.closed):
                _give_to_null(_STDOUT)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP raise `Terminated` in the block; where they are ignored (nohup) or handled they stay so."""
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
