"""Digests of files, to compare them by content instead of name or time."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

from nmt.errors import UserError


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal.

    Raises:
        UserError: the file cannot be read or is not a regular file (a pipe could be read only once).
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UserError(
                str(path), "a regular file", "a folder, pipe or device", "Write its content to a file first."
            )
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise UserError(str(path), "a readable file", error.strerror or str(error)) from None
