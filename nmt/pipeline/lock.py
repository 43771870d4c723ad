"""One run at a time in a run directory."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nmt.errors import UserError

LOCK = ".lock"


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Holds the run directory for this process; made if it is not there.

    The kernel drops the lock with the process, however that ends, so no stale lock is ever left.

    Raises:
        UserError: another process holds it, naming that process, or the directory cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle = (directory / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise UserError(str(directory), "a folder that can be written", error.strerror or str(error)) from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            fix = "Wait for it, stop it, or give this run another name (name=…) or place (--runs)."
            raise UserError(str(directory), "no other run at work here", f"one by process {holder}", fix) from None
        handle.truncate(0)
        handle.write(f"{os.getpid()} on {socket.gethostname()}")
        handle.flush()
        yield
