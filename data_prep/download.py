"""Download one file; a broken connection is resumed."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import time
import urllib.error
import urllib.request
from pathlib import Path

from nmt.data.corpus import ShowProgress, unseen
from nmt.errors import UserError
from nmt.output import sync_directory

_BLOCK_BYTES = 1 << 16
_MEGABYTE = 10**6
_TIMEOUT_SECONDS = 30
_PERMANENT = range(400, 500)
_TRANSIENT = {408, 425, 429}  # the 4xx codes that ask to try again


def download(
    url: str,
    path: Path,
    *,
    checksum: str | None = None,
    attempts: int = 4,
    wait_seconds: float = 1.0,
    by_hand: str = "",
    progress: ShowProgress = unseen,
) -> None:
    """Downloads `url` to `path`, which appears only once it is complete.

    Partial data is kept in `<path>.part` across attempts and runs, and resumed with an HTTP range request
    as long as the server still has the same file. The pause doubles after each failure.

    Args:
        url: http or https.
        path: destination; its folder is created.
        checksum: `sha256:` or `md5:` and the hexadecimal digest of the file, if known.
        attempts: total number of attempts.
        wait_seconds: pause before the second attempt.
        by_hand: what to do without a network, for the error message.
        progress: called with the megabytes received so far.

    Raises:
        UserError: the server has no such file, cannot be reached, or sends a different file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _Part(path, progress)
    problem = ""
    for attempt in range(attempts):
        if attempt:
            time.sleep(wait_seconds * 2 ** (attempt - 1))
        try:
            continued = part.fetch(url, unchecked=checksum is None)
        except urllib.error.HTTPError as error:
            error.close()
            problem = _line(f"HTTP status {error.code} ({error.reason})")
            if error.code in _PERMANENT and error.code not in _TRANSIENT:
                break
            continue
        # URLError, timeouts and resets are OSErrors; a malformed address or header is a ValueError
        except (OSError, http.client.HTTPException, ValueError) as error:
            problem = _line(getattr(error, "reason", error)) or type(error).__name__
            continue
        found = part.checksum(checksum)
        if found == checksum:
            part.become(path)
            return
        part.discard()
        problem = f"a different file (checksum {found}, not {checksum})"
        if not continued:  # the server's complete file is different: another attempt would give the same
            break
    raise UserError(url, "the file", problem, by_hand or f"Download it by other means and save it as {path}.")


class _Part:
    """The bytes received so far, and the server's tag for the file they belong to."""

    def __init__(self, path: Path, progress: ShowProgress) -> None:
        self.name, self.progress = path.name, progress
        self.path = path.with_name(path.name + ".part")
        self.tag_path = path.with_name(path.name + ".part.tag")

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.tag_path.unlink(missing_ok=True)

    def become(self, path: Path) -> None:
        self.path.replace(path)
        self.tag_path.unlink(missing_ok=True)
        sync_directory(path.parent)

    def checksum(self, like: str | None) -> str | None:
        """The digest of this file by the algorithm of the checksum `like`; None if that is None."""
        if like is None:
            return None
        algorithm = like.partition(":")[0]
        with self.path.open("rb") as handle:
            return f"{algorithm}:{hashlib.file_digest(handle, algorithm).hexdigest()}"

    def fetch(self, url: str, *, unchecked: bool) -> bool:
        """Downloads the rest of the file; raises OSError or HTTPException if the connection breaks.

        Args:
            url: address of the file.
            unchecked: no checksum will detect a wrong file, so resume only if the server's tag proves
                that it is still the same one.

        Returns:
            Whether an earlier download was resumed.
        """
        # Without "identity" a server may compress in transit, and ranges would count compressed bytes.
        request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", "User-Agent": "nmt"})
        have = self.path.stat().st_size if self.path.exists() else 0
        tag = _usable(self.tag_path.read_text(encoding="latin-1")) if self.tag_path.exists() else ""
        if have and (tag or not unchecked):
            request.add_header("Range", f"bytes={have}-")
            if tag:
                request.add_header("If-Range", tag)
        try:
            response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
        except urllib.error.HTTPError as error:
            if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            error.close()
            self.discard()  # we already have at least as many bytes as the server's file: start again
            raise OSError("the partial download does not match the server's file") from None
        with response:
            continued: bool = response.status == http.HTTPStatus.PARTIAL_CONTENT
            if continued and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                self.discard()
                raise OSError("the server sent a different range than requested")
            self._receive(response, continued=continued)
        return continued

    def _receive(self, response: http.client.HTTPResponse, *, continued: bool) -> None:
        announced, received = _announced(response), 0
        # A fixed buffer: if a server announces a chunk of -1 bytes, read() would take everything at once.
        memory = memoryview(bytearray(_BLOCK_BYTES))
        if not continued:  # the old tag must never accompany bytes of another file
            self.tag_path.unlink(missing_ok=True)
        with self.path.open("ab" if continued else "wb") as handle:
            # A strong ETag or a date identifies the file; a weak ETag must not be used here (RFC 9110, 13.1.5).
            tag = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
            if not tag.startswith("W/"):
                self.tag_path.write_text(_usable(tag), encoding="latin-1")
            while arrived := response.readinto(memory):
                handle.write(memory[:arrived])
                received += arrived
                if announced is not None:
                    size = handle.tell() - received + announced
                    self.progress(handle.tell() // _MEGABYTE, size // _MEGABYTE, f"MB of {self.name}")
            handle.flush()
            os.fsync(handle.fileno())
        if announced is not None and received < announced:
            raise OSError(f"the connection broke after {received} of {announced} bytes")


def _line(message: object) -> str:
    return " ".join(str(message).split())


def _announced(response: http.client.HTTPResponse) -> int | None:
    """Number of bytes that the server announces; None if the header is missing or malformed."""
    length = response.headers.get("Content-Length") or ""
    return int(length) if re.fullmatch(r"[0-9]{1,18}", length) and not response.chunked else None


def _usable(tag: str) -> str:
    """The tag if it can be sent back in a header, else the empty string."""
    return tag if re.fullmatch(r"[\x20-\x7e]{1,1000}", tag) else ""
