"""Downloading one file so that a broken connection costs nothing but time."""

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
_PASSING = {408, 425, 429}  # of the 4xx, those that ask to try again


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
    """Fetches `url` to `path`, which appears only when it is whole.

    What arrives is kept in `<path>.part`, across attempts and across runs, and continued with an HTTP
    range request as long as the server's file is the same one. The pause doubles after each failure.

    Args:
        url: http or https.
        path: where the file goes; its folder is made.
        checksum: `sha256:` or `md5:` and the hexadecimal digest of the file, when known.
        attempts: how often to try in all.
        wait_seconds: the first pause between attempts.
        by_hand: for the error message: what to do without a network.
        progress: is told the megabytes that have arrived.

    Raises:
        UserError: the server has no such file, cannot be reached, or sends another file.
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
            if error.code in _PERMANENT and error.code not in _PASSING:
                break
            continue
        # URLError, timeouts and resets are OSErrors; an address or a header that makes no sense is a ValueError
        except (OSError, http.client.HTTPException, ValueError) as error:
            problem = _line(getattr(error, "reason", error)) or type(error).__name__
            continue
        found = part.checksum(checksum)
        if found == checksum:
            part.become(path)
            return
        part.discard()
        problem = f"another file ({found}, not {checksum})"
        if not continued:  # the server's whole file is a different one: asking again gives the same
            break
    raise UserError(url, "the file", problem, by_hand or f"Fetch it by other means and save it as {path}.")


class _Part:
    """The bytes that have arrived so far, and the server's tag of the file that they belong to."""

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
        """This file's digest by the algorithm that `like` names; None for None."""
        if like is None:
            return None
        algorithm = like.partition(":")[0]
        with self.path.open("rb") as handle:
            return f"{algorithm}:{hashlib.file_digest(handle, algorithm).hexdigest()}"

    def fetch(self, url: str, *, unchecked: bool) -> bool:
        """Continues until the file is whole; raises OSError or HTTPException when it breaks off.

        Args:
            url: of the file.
            unchecked: no checksum will tell a wrong file, so continue only where the server's tag proves
                that it is the same file as before.

        Returns:
            whether earlier bytes were continued.
        """
        # Without "identity" a server may compress on the way, and ranges would count other bytes.
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
            self.discard()  # the server's file is not longer than what is here: start again
            raise OSError("the partial download does not fit the server's file") from None
        with response:
            continued: bool = response.status == http.HTTPStatus.PARTIAL_CONTENT
            if continued and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                self.discard()
                raise OSError("the server sent another range than was asked for")
            self._receive(response, continued=continued)
        return continued

    def _receive(self, response: http.client.HTTPResponse, *, continued: bool) -> None:
        announced, received = _announced(response), 0
        # Into memory of our own: a server that announces a chunk of -1 bytes would be read to its end at once.
        memory = memoryview(bytearray(_BLOCK_BYTES))
        if not continued:  # the old tag must never stand beside bytes of another file
            self.tag_path.unlink(missing_ok=True)
        with self.path.open("ab" if continued else "wb") as handle:
            # A strong ETag or a date names the file; a weak ETag may not be used so (RFC 9110, 13.1.5).
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
    """How many bytes the server says it sends; None where it says nothing, or nonsense."""
    length = response.headers.get("Content-Length") or ""
    return int(length) if re.fullmatch(r"[0-9]{1,18}", length) and not response.chunked else None


def _usable(tag: str) -> str:
    """The tag, if it can be sent back in a header; else none."""
    return tag if re.fullmatch(r"[\x20-\x7e]{1,1000}", tag) else ""
