"""An HTTP server on the loopback that breaks off, forgets ranges and lies, for tests of downloads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Server:
    """What the server does, and what it was asked."""

    url: str = ""
    """Address of the server, without a slash at its end."""
    folder: Path | None = None
    """Where the files lie that it serves; None: every address is `content`."""
    content: bytes = b""
    tag: str = '"v1"'
    ranges: bool = True
    break_after: list[int] = field(default_factory=list)
    """Bytes after which each of the next answers breaks off."""
    statuses: list[int] = field(default_factory=list)
    """Errors that the next requests get."""
    asked: list[str | None] = field(default_factory=list)
    """The Range header of each request."""
    paths: list[str] = field(default_factory=list)
    """The path of each request."""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers["Range"]
        self.asked.append(asked)
        self.paths.append(request.path)
        if self.statuses:
            request.send_error(self.statuses.pop(0))
            return
        content = self.content
        if self.folder is not None:
            path = self.folder / request.path.lstrip("/")
            if not path.is_file():
                request.send_error(404)
                return
            content = path.read_bytes()
        self._send(request, content, asked)

    def _send(self, request: BaseHTTPRequestHandler, content: bytes, asked: str | None) -> None:
        start = 0
        if asked and self.ranges and request.headers.get("If-Range", self.tag) == self.tag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                request.send_error(416)
                return
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        request.send_header("Content-Length", str(len(content) - start))
        if self.tag:
            request.send_header("ETag", self.tag)
        request.end_headers()
        stop = start + self.break_after.pop(0) if self.break_after else len(content)
        request.wfile.write(content[start:stop])


@contextmanager
def serving(folder: Path | None = None) -> Iterator[Server]:
    """A server in a thread of this process, for as long as the block lasts."""
    behaviour = Server(folder=folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            behaviour.answer(self)

        def log_message(self, *arguments: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    behaviour.url = f"http://127.0.0.1:{http.server_port}"
    try:
        yield behaviour
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
