"""Multi30k: local files first, else the public address; a clear word when neither is there."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import data_prep.multi30k as module
from data_prep.multi30k import CHECKSUMS, Multi30k
from nmt.data.pairs import MonolingualFile, read_pairs
from nmt.errors import UserError


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """Replaces the network; notes (address, checksum)."""
    asked: list[tuple[str, str | None]] = []

    def download(url: str, path: Path, *, checksum: str | None, by_hand: str, progress: object) -> None:
        asked.append((url, checksum))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{path.name}\n")

    monkeypatch.setattr(module, "download", download)
    return asked


def test_local_files_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, downloads: list[tuple[str, str | None]]
) -> None:
    monkeypatch.setenv("NMT_DATA", str(tmp_path))
    folder = tmp_path / "multi30k"
    folder.mkdir()
    for split in ("train", "val", "test_2016_flickr"):
        (folder / f"{split}.fr.gz").write_text("here\n")
    raw = Multi30k(source="fr", target="cs").fetch(tmp_path / "raw")
    assert raw.training[0].sides[0] == folder / "train.fr.gz"
    assert raw.validation.target == tmp_path / "raw" / "val.cs.gz"
    assert downloads == [
        (f"https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/{name}.gz", CHECKSUMS[name])
        for name in ("train.cs", "val.cs", "test_2016_flickr.cs")
    ]
    downloads.clear()
    assert Multi30k(source="fr", target="cs").fetch(tmp_path / "raw") == raw
    assert downloads == []


def test_one_language_needs_its_own_files_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, downloads: list[tuple[str, str | None]]
) -> None:
    monkeypatch.delenv("NMT_DATA", raising=False)
    corpus = Multi30k(target="de")
    assert corpus.name == "multi30k_de"
    assert corpus.fetch(tmp_path).training == (MonolingualFile(tmp_path / "train.de.gz"),)
    assert [address.rsplit("/", 1)[1] for address, _ in downloads] == [
        f"{split}.de.gz" for split in ("train", "val", "test_2016_flickr")
    ]


def test_test_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, downloads: list[tuple[str, str | None]]) -> None:
    monkeypatch.delenv("NMT_DATA", raising=False)
    raw = Multi30k(source="en", target="de", tests=("test_2017_mscoco", "test_2016_flickr")).fetch(tmp_path)
    assert list(raw.tests) == ["test_2017_mscoco", "test_2016_flickr"]
    assert raw.tests["test_2017_mscoco"].sides[0] == tmp_path / "test_2017_mscoco.en.gz"


@pytest.mark.parametrize(
    "options",
    [
        {"source": "en", "target": "en"},
        {"source": "en", "target": "it"},
        {"source": "en", "target": "cs", "tests": ["test_2017_flickr"]},
        {"source": "en", "target": "de", "tests": ["test_2016_flickr", "test_2016_flickr"]},
        {"source": "en", "target": "de", "tests": []},
    ],
)
def test_what_does_not_exist_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Multi30k(**options)


def test_offline_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ADDRESS", "http://127.0.0.1:9")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setenv("NMT_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(UserError) as caught:
        Multi30k(source="en", target="de").fetch(tmp_path / "raw")
    for part in ("http://127.0.0.1:9/train.en.gz", str(tmp_path / "raw"), "NMT_DATA", "train.en.gz", "elsewhere"):
        assert part in str(caught.value)


def test_the_real_corpus(multi30k: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NMT_DATA", str(multi30k.parent))
    options = Multi30k(source="en", target="de")
    assert options.name == "multi30k_en_de"
    raw = options.fetch(tmp_path)
    sets = [raw.training[0], raw.validation, raw.tests["test_2016_flickr"]]
    assert [sum(1 for _ in read_pairs(files)) for files in sets] == [29_000, 1_014, 1_000]
    for path in (path for text in sets for path in text.sides):
        assert CHECKSUMS[path.name.removesuffix(".gz")] == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    assert list(tmp_path.iterdir()) == []
