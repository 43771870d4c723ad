"""A process to be killed, signalled or watched: a copy of this one, so that it need not import torch first."""

from __future__ import annotations

import io
import os
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, NoReturn


class Forked:
    """Runs `work` in a copy of this process; what it prints is kept.

    Args:
        work: the process ends with it: with status 0, that of its SystemExit, or 1 and a traceback.
        environment: variables that stand in for those there are.
        streams: descriptors that stand in for standard input (nothing), output and error (kept), by number; None: the
            stream is closed.
    """

    def __init__(
        self,
        work: Callable[[], object],
        environment: Mapping[str, str] | None = None,
        streams: Mapping[int, int | None] | None = None,
    ) -> None:
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 -- `wait` closes them
        self.returncode: int | None = None
        """As subprocess has it; None while it runs."""
        self.grown_bytes = 0
        """By how much its resident memory grew at most over that of the original, when it has ended."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._inherited = _resident_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of newer Pythons, about threads: none of ours run
            self.pid = os.fork()
        if self.pid == 0:
            usual = {0: os.open(os.devnull, os.O_RDONLY), 1: self._out.fileno(), 2: self._err.fileno()}
            _run(work, environment or {}, {**usual, **(streams or {})})

    def poll(self) -> int | None:
        """Its status, if it has ended."""
        if self.returncode is None:
            pid, status, used = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
                self.grown_bytes = max(0, used.ru_maxrss * 1024 - self._inherited)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, timeout: float = 60.0) -> tuple[str, str]:
        """Waits for its end, once, and returns what it printed; one that takes longer is killed.

        Raises:
            TimeoutError: it took longer.
        """
        deadline = time.monotonic() + timeout
        with self._out, self._err:
            while self.poll() is None:
                if time.monotonic() > deadline:
                    os.kill(self.pid, signal.SIGKILL)
                    os.waitpid(self.pid, 0)
                    raise TimeoutError(_read(self._err))
                time.sleep(0.002)
            return _read(self._out), _read(self._err)


def _run(work: Callable[[], object], environment: Mapping[str, str], streams: Mapping[int, int | None]) -> NoReturn:
    """In the copy: never returns into what the original was doing."""
    status = 1
    try:
        os.environ.update(environment)
        for number, descriptor in streams.items():
            if descriptor is not None:
                os.dup2(descriptor, number)
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            stream: IO[str] | None = None
            if streams[number] is None:
                os.close(number)
            else:
                raw = io.FileIO(number, "w" if number else "r", closefd=False)
                buffered = io.BufferedWriter(raw) if number else io.BufferedReader(raw)
                stream = io.TextIOWrapper(buffered, encoding="utf-8", line_buffering=number == 2)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        work()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        for written in (sys.stdout, sys.stderr):
            with suppress(Exception):
                written.flush()
        os._exit(status)


def _resident_bytes() -> int:
    """This process's; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
