"""A lock that allows one run at a time in a run directory."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from nmt.errors import UserError

LOCK = ".lock"
HOLDER = ".lock.holder"
"""Names the process that holds the lock. A separate file, because a locked file cannot be read on Windows."""


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Locks the run directory for this process, creating it if necessary.

    The system releases the lock when the process ends, however that happens, so no stale lock remains.

    Raises:
        UserError: another process, which is named, holds the lock, or the directory cannot be written.
    """
    lock, holder = FileLock(directory / LOCK), directory / HOLDER
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
        holder.write_text(f"{os.getpid()} on {socket.gethostname()}", encoding="utf-8")
    except Timeout:
        who = holder.read_text(encoding="utf-8") if holder.exists() else "unknown"
        fix = "Wait for it, stop it, or give this run another name (name=…) or folder (--runs)."
        raise UserError(str(directory), "no other run at work here", f"one by process {who}", fix) from None
    except OSError as error:
        raise UserError(str(directory), "a writable folder", error.strerror or str(error)) from None
    try:
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
