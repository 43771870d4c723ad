"""One run at a time in a run directory."""

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
"""Says who holds the lock; a file of its own, since Windows lets nobody read a locked one."""


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Holds the run directory for this process; made if it is not there.

    The system drops the lock with the process, however that ends, so no stale lock is ever left.

    Raises:
        UserError: another process holds it, naming that process, or the directory cannot be written.
    """
    lock, holder = FileLock(directory / LOCK), directory / HOLDER
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
        holder.write_text(f"{os.getpid()} on {socket.gethostname()}", encoding="utf-8")
    except Timeout:
        who = holder.read_text(encoding="utf-8") if holder.exists() else "unknown"
        fix = "Wait for it, stop it, or give this run another name (name=…) or place (--runs)."
        raise UserError(str(directory), "no other run at work here", f"one by process {who}", fix) from None
    except OSError as error:
        raise UserError(str(directory), "a folder that can be written", error.strerror or str(error)) from None
    try:
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
