"""Digests of files: what is told by content, and not by name or time."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

from nmt.errors import UserError


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal.

    Raises:
        UserError: the file cannot be read, or is no regular file (a pipe could be read only this once).
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UserError(str(path), "a regular file", "something else", "Write its content to a file first.")
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise UserError(str(path), "a readable file", error.strerror or str(error)) from None
