"""Data that several tests from end to end share."""

from __future__ import annotations

import gzip
from itertools import islice
from pathlib import Path

import pytest

MULTI30K = {"train": 1500, "val": 60, "test_2016_flickr": 40}
"""Lines that the recipes get of each of its files."""


@pytest.fixture(scope="module")
def little_data(multi30k: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first lines of Multi30k, where a recipe looks for the whole."""
    directory = tmp_path_factory.mktemp("data")
    (directory / "multi30k").mkdir()
    for name, count in MULTI30K.items():
        for language in ("en", "de"):
            with gzip.open(multi30k / f"{name}.{language}.gz", "rb") as lines:
                content = b"".join(islice(lines, count))
            (directory / "multi30k" / f"{name}.{language}.gz").write_bytes(gzip.compress(content))
    return directory
