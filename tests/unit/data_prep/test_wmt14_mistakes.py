"""WMT14 when things go wrong: connections, archives and their content."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from data_prep.wmt14 import WMT14
from nmt.data.clean import prepare_corpus
from nmt.errors import UserError
from tests.loopback import Server
from tests.unit.data_prep.wmt14_corpus import (
    COMMON_CRAWL,
    DEV,
    EUROPARL,
    lines,
    sentences,
    with_options,
)
from tests.wmt14_archives import checksum, write_archives, write_tar


def test_a_broken_download_is_continued(german: WMT14, server: Server, tmp_path: Path) -> None:
    server.break_after = [100, 200]
    german.fetch(tmp_path / "corpus")
    assert server.asked[:4] == [None, "bytes=100-", "bytes=300-", None]
    server.paths.clear()
    server.statuses = [503] * 4
    with pytest.raises(UserError, match="503"):
        german.fetch(tmp_path / "again")
    german.fetch(tmp_path / "again")
    assert server.paths == [f"/wmt13/{EUROPARL}"] * 5 + [f"/wmt13/{COMMON_CRAWL}"] + [
        "/wmt14/training-parallel-nc-v9.tgz",
        "/wmt14/dev.tgz",
        "/wmt14/test-full.tgz",
    ]


def test_a_download_with_another_checksum_is_refused(german: WMT14, tmp_path: Path) -> None:
    wrong = with_options(german, checksums={**german.checksums, DEV: f"md5:{'0' * 32}"})
    with pytest.raises(UserError, match=r"dev\.tgz: expected the file, got a different file \(checksum md5:.*NMT_DATA"):
        wrong.fetch(tmp_path / "corpus")
    assert not (tmp_path / "corpus" / "archives" / DEV).exists()
    with pytest.raises(UserError, match=r"europarl-v7\.tgz: expected the file, got a different file"):
        WMT14(source="en", target="de", address=german.address).fetch(tmp_path / "published")


def test_a_damaged_archive_on_disk_is_named_and_leaves_the_old_text(german: WMT14, tmp_path: Path) -> None:
    german.fetch(tmp_path / "corpus")
    archive, text = tmp_path / "corpus" / "archives" / EUROPARL, tmp_path / "corpus" / "text"
    archive.write_bytes(archive.read_bytes()[:-100])
    (text / "europarl-v7.de-en.de").unlink()
    before = (text / "europarl-v7.de-en.en").read_bytes()
    with pytest.raises(UserError, match=rf"a damaged one \(.*\)\. Delete {archive} and run again"):
        german.fetch(tmp_path / "corpus")
    assert (text / "europarl-v7.de-en.en").read_bytes() == before
    assert not (text / "europarl-v7.de-en.de").exists()
    archive.unlink()
    german.fetch(tmp_path / "corpus")
    assert len((text / "europarl-v7.de-en.de").read_text().splitlines()) == 40


def test_without_a_known_checksum_a_later_change_is_noticed(german: WMT14, server: Server, tmp_path: Path) -> None:
    assert server.folder is not None
    free = with_options(german, checksums=dict.fromkeys(german.checksums))
    free.fetch(tmp_path / "corpus")
    other = write_archives(tmp_path / "server", "de", {"europarl-v7": sentences("europarl-v7", "xx")}, {})
    assert other[EUROPARL] != german.checksums[EUROPARL]
    archive, text = tmp_path / "corpus" / "archives" / EUROPARL, tmp_path / "corpus" / "text"
    archive.write_bytes((server.folder / "wmt13" / EUROPARL).read_bytes())
    (text / "europarl-v7.de-en.de").unlink()
    with pytest.raises(UserError, match=rf"got {other[EUROPARL]}.*To accept .* delete {text}/{EUROPARL}"):
        free.fetch(tmp_path / "corpus")
    (text / f"{EUROPARL}.json").unlink()
    assert lines(free.fetch(tmp_path / "corpus").training[0]) == sentences("europarl-v7", "xx")


def test_another_expected_checksum_reads_the_archive_again(german: WMT14, tmp_path: Path) -> None:
    german.fetch(tmp_path / "corpus")
    wrong = with_options(german, checksums={**german.checksums, EUROPARL: f"sha256:{'0' * 64}"})
    with pytest.raises(UserError, match="got sha256:"):
        wrong.fetch(tmp_path / "corpus")


def test_a_missing_member_is_named(german: WMT14, server: Server, tmp_path: Path) -> None:
    assert server.folder is not None
    (tmp_path / "x").write_text("text\n")
    archive = write_tar(server.folder / "wmt13" / COMMON_CRAWL, [(tmp_path / "x", "commoncrawl.de-en.en")])
    corpus = with_options(german, checksums={**german.checksums, COMMON_CRAWL: checksum(archive)})
    with pytest.raises(UserError, match=r"crawl\.tgz: expected a member commoncrawl\.de-en\.de, got an archive"):
        corpus.fetch(tmp_path / "corpus")
    assert not list((tmp_path / "corpus" / "text").glob("commoncrawl*"))


def test_sides_of_different_length_are_an_error_with_the_place(german: WMT14, server: Server, tmp_path: Path) -> None:
    assert server.folder is not None
    archive = server.folder / "wmt13" / COMMON_CRAWL
    for side, count in (("en", 7), ("de", 6)):
        (tmp_path / side).write_text("a line\n" * count)
    write_tar(archive, [(tmp_path / side, f"commoncrawl.de-en.{side}") for side in ("en", "de")])
    corpus = with_options(german, checksums={**german.checksums, COMMON_CRAWL: checksum(archive)})
    raw = corpus.fetch(tmp_path / "corpus")
    with pytest.raises(UserError, match=r"7 lines in .*commoncrawl\.de-en\.en and 6 in .*line 7 of .* has no partner"):
        prepare_corpus(raw, corpus.cleaning, ("en", "de"), tmp_path / "clean")


def test_test_sets_of_different_length_are_an_error_with_the_place(
    german: WMT14, server: Server, tmp_path: Path
) -> None:
    assert server.folder is not None
    dev = server.folder / "wmt14" / DEV
    with tarfile.open(dev) as tar:
        tar.extractall(tmp_path / "dev", filter="data")
    path = tmp_path / "dev" / "dev" / "newstest2013-ref.de.sgm"
    path.write_text(path.read_text().replace('<seg id="2">', "<lost>", 1))
    write_tar(dev, [(file, f"dev/{file.name}") for file in sorted((tmp_path / "dev" / "dev").iterdir())])
    corpus = with_options(german, checksums={**german.checksums, DEV: checksum(dev)})
    with pytest.raises(UserError, match="7 and 6; they first differ at segment 2, which is 2 of document news/0"):
        corpus.fetch(tmp_path / "corpus")


def test_offline_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    corpus = WMT14(source="en", target="fr", address="http://127.0.0.1:9", archives=tmp_path / "mine")
    monkeypatch.setenv("NMT_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(UserError) as caught:
        corpus.fetch(tmp_path / "corpus")
    for part in (f"http://127.0.0.1:9/wmt13/{EUROPARL}", str(tmp_path / "mine"), "NMT_DATA", "elsewhere/wmt14"):
        assert part in str(caught.value)
    monkeypatch.delenv("NMT_DATA")
    with pytest.raises(UserError, match="NMT_DATA is not set"):
        corpus.fetch(tmp_path / "corpus")
