"""WMT14 from a server of our own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data_prep.wmt14 import WMT14
from tests.loopback import Server, serving
from tests.unit.data_prep.wmt14_corpus import GERMAN, held, sentences
from tests.wmt14_archives import write_archives


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.delenv("NMT_DATA", raising=False)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    (tmp_path / "server").mkdir()
    with serving(tmp_path / "server") as behaviour:
        yield behaviour


@pytest.fixture
def german(server: Server) -> WMT14:
    """English to German, from the server."""
    assert server.folder is not None
    checksums = write_archives(server.folder, "de", {part: sentences(part, "de") for part in GERMAN}, held("de"))
    return WMT14(source="en", target="de", address=server.url, checksums=checksums)
