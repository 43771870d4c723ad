"""WMT14 from small archives of the same layout, served over loopback HTTP."""

from __future__ import annotations

import gzip
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from data_prep.wmt14 import WMT14
from data_prep.wmt14_archives import ADDRESS, ARCHIVES, TRAINING
from nmt.data.clean import prepare_corpus
from nmt.data.pairs import ParallelFiles, read_pairs
from nmt.errors import UserError
from tests.loopback import Server, serving
from tests.wmt14_archives import FILES, Pair, checksum, write_archives, write_tar

GERMAN = ("europarl-v7", "commoncrawl", "news-commentary-v9")
EUROPARL, COMMON_CRAWL, DEV = "training-parallel-europarl-v7.tgz", "training-parallel-commoncrawl.tgz", "dev.tgz"


def sentences(name: str, other: str, count: int = 40) -> list[Pair]:
    """Pairs that tell which file they are from."""
    return [(f"{name} number {n} & so on", f"{other}: {name} Nummer {n} & weiter") for n in range(count)]


def held(other: str) -> dict[str, list[Pair]]:
    return {f"newstest{year}": sentences(f"newstest{year}", other, year - 2006) for year in (2012, 2013, 2014)}


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


def with_options(corpus: WMT14, **changes: Any) -> WMT14:
    return WMT14.model_validate({**corpus.model_dump(), **changes})


def lines(files: ParallelFiles) -> list[Pair]:
    return list(read_pairs(files))


def test_the_published_archives() -> None:
    addresses = [f"{ADDRESS}/{archive.folder}/{name}" for name, archive in ARCHIVES.items()]
    assert addresses == [
        *(f"https://www.statmt.org/{FILES[part][0]}" for part in (*GERMAN, "un", "giga-fren")),
        "https://www.statmt.org/wmt14/dev.tgz",
        "https://www.statmt.org/wmt14/test-full.tgz",
    ]
    WMT14(source="en", target="de", checksums={name: archive.checksum for name, archive in ARCHIVES.items()})


def test_german(german: WMT14, server: Server, tmp_path: Path) -> None:
    assert german.name == "wmt14_en_de"
    raw = german.fetch(tmp_path / "corpus")
    assert [lines(files) for files in raw.training] == [sentences(part, "de") for part in GERMAN]
    assert lines(raw.validation) == held("de")["newstest2013"]
    assert {name: lines(files) for name, files in raw.tests.items()} == {"newstest2014": held("de")["newstest2014"]}
    assert server.paths == [f"/{FILES[part][0]}" for part in GERMAN] + ["/wmt14/dev.tgz", "/wmt14/test-full.tgz"]
    assert not list((tmp_path / "corpus").rglob("*.part"))
    turned = with_options(german, source="de", target="en", archives=tmp_path / "corpus" / "archives")
    raw = turned.fetch(tmp_path / "turned")
    assert turned.name == "wmt14_de_en"
    assert [lines(f) for f in (raw.training[1], raw.validation, raw.tests["newstest2014"])] == [
        [(other, english) for english, other in pairs]
        for pairs in (sentences("commoncrawl", "de"), held("de")["newstest2013"], held("de")["newstest2014"])
    ]
    assert len(server.paths) == 5


def test_french_has_more(server: Server, tmp_path: Path) -> None:
    assert server.folder is not None
    checksums = write_archives(server.folder, "fr", {part: sentences(part, "fr") for part in TRAINING}, held("fr"))
    corpus = WMT14(
        source="en", target="fr", validation="newstest2012+2013", address=f"{server.url}/", checksums=checksums
    )
    raw = corpus.fetch(tmp_path / "corpus")
    assert [lines(files) for files in raw.training] == [sentences(part, "fr") for part in TRAINING]
    assert lines(raw.validation) == held("fr")["newstest2012"] + held("fr")["newstest2013"]
    assert lines(raw.tests["newstest2014"]) == held("fr")["newstest2014"]
    assert raw.training[-1].source.read_bytes()[:2] == gzip.compress(b"")[:2]  # stays packed


def test_parts_can_be_chosen(german: WMT14, server: Server, tmp_path: Path) -> None:
    raw = with_options(german, training=["news-commentary-v9", "europarl-v7"]).fetch(tmp_path / "corpus")
    assert [lines(files)[0][0].split()[0] for files in raw.training] == ["news-commentary-v9", "europarl-v7"]
    assert f"/wmt13/{COMMON_CRAWL}" not in server.paths


@pytest.mark.parametrize(
    "options",
    [
        {"source": "de", "target": "fr"},
        {"source": "en", "target": "en"},
        {"source": "en", "target": "cs"},
        {"source": "en", "target": "de", "training": ["un"]},
        {"source": "de", "target": "en", "training": ["europarl-v7", "giga-fren"]},
        {"source": "en", "target": "fr", "training": ["un", "un"]},
        {"source": "en", "target": "fr", "validation": "newstest2012"},
        {"source": "en", "target": "fr", "checksums": {"dev.tgz": "sha256:abc"}},
        {"source": "en", "target": "fr", "checksums": {"other.tgz": None}},
    ],
)
def test_what_does_not_exist_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WMT14.model_validate(options)


def test_the_papers_cleaning_is_the_default_and_can_be_changed_key_by_key() -> None:
    usual = WMT14(source="en", target="de").cleaning
    assert (usual.max_words, usual.max_word_ratio, usual.max_length_ratio, usual.deduplicate) == (175, 1.5, None, False)
    changed = WMT14.model_validate({"source": "en", "target": "de", "cleaning": {"max_words": 100}}).cleaning
    assert changed == usual.model_copy(update={"max_words": 100})


def test_cleaning(german: WMT14, server: Server, tmp_path: Path) -> None:
    assert server.folder is not None
    pairs = [
        ("good \x07control\x1f characters \u2028 here", "gute Steuer\x85zeichen sind hier"),
        ("", "Europarl has empty lines"),
        ("(The sitting was closed)", ""),
        ("a b c d", "a b c d e f g"),
        ("a b c d", "a b c d e f"),
        ("a b c d", "a b c d e f"),
        (" ".join("a" * 175), " ".join("a" * 175)),
        (" ".join("a" * 176), " ".join("a" * 176)),
    ]
    checksums = write_archives(server.folder, "de", {"commoncrawl": pairs}, held("de"))
    corpus = with_options(german, training=["commoncrawl"], checksums=checksums)
    report = prepare_corpus(corpus.fetch(tmp_path / "raw"), corpus.cleaning, "en", "de", tmp_path / "clean")
    dropped = {rule: d.pairs for rule, d in report.dropped.items() if d.pairs}
    assert dropped == {"empty": 2, "max_words": 1, "max_word_ratio": 1}
    assert (tmp_path / "clean" / "train.en").read_text().split("\n")[:2] == ["good control characters here", "a b c d"]
    assert report.pairs_kept == 4
    assert report.sets == {"validation": 7, "newstest2014": 8}


def state(directory: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in directory.rglob("*")}


def test_a_second_fetch_does_nothing(german: WMT14, server: Server, tmp_path: Path) -> None:
    raw = german.fetch(tmp_path / "corpus")
    before, asked = state(tmp_path / "corpus"), len(server.paths)
    assert german.fetch(tmp_path / "corpus") == raw
    assert state(tmp_path / "corpus") == before
    for archive in (tmp_path / "corpus" / "archives").iterdir():  # nor does it need the archives
        archive.unlink()
    assert german.fetch(tmp_path / "corpus") == raw
    assert len(server.paths) == asked


def test_a_changed_or_lost_file_is_extracted_again_whatever_its_time(
    german: WMT14, server: Server, tmp_path: Path
) -> None:
    german.fetch(tmp_path / "corpus")
    for number, changed in enumerate(("europarl-v7.de-en.de", "commoncrawl.de-en.en", "newstest2013-ref.de.sgm")):
        path = tmp_path / "corpus" / "text" / changed
        content, times = path.read_bytes(), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
        path.write_bytes(content.replace(b"1", b"2"))
        os.utime(path, ns=times)
        if number == 1:
            path.unlink()
        german.fetch(tmp_path / "corpus")
        assert path.read_bytes() == content
    (tmp_path / "corpus" / "text" / "newstest2014.en").write_text("spoiled\n")
    (tmp_path / "corpus" / "text" / ".europarl-v7.de-en.de.1.part").write_text("of a run that was killed")
    (tmp_path / "corpus" / "text" / f"{EUROPARL}.json").write_text("no record")
    raw = german.fetch(tmp_path / "corpus")
    assert lines(raw.tests["newstest2014"]) == held("de")["newstest2014"]
    assert not list((tmp_path / "corpus" / "text").glob(".*"))
    assert len(server.paths) == 5


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
    with pytest.raises(UserError, match=r"dev\.tgz: expected the file, got another file \(md5:.*NMT_DATA"):
        wrong.fetch(tmp_path / "corpus")
    assert not (tmp_path / "corpus" / "archives" / DEV).exists()
    with pytest.raises(UserError, match=r"europarl-v7\.tgz: expected the file, got another file"):
        WMT14(source="en", target="de", address=german.address).fetch(tmp_path / "published")


def test_archives_on_disk(german: WMT14, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert server.folder is not None
    for folder, names in (("data/wmt14", [EUROPARL, DEV]), ("mine", [COMMON_CRAWL])):
        (tmp_path / folder).mkdir(parents=True)
        for path in server.folder.rglob("*.tgz"):
            if path.name in names:
                (tmp_path / folder / path.name).write_bytes(path.read_bytes())
    monkeypatch.setenv("NMT_DATA", str(tmp_path / "data"))
    corpus = with_options(german, archives=tmp_path / "mine")
    raw = corpus.fetch(tmp_path / "corpus")
    assert lines(raw.validation) == held("de")["newstest2013"]
    assert server.paths == ["/wmt14/training-parallel-nc-v9.tgz", "/wmt14/test-full.tgz"]
    assert sorted(path.name for path in (tmp_path / "data" / "wmt14").iterdir()) == [DEV, EUROPARL]
    assert len(list((tmp_path / "mine").iterdir())) == 3  # downloads are shared there
    assert not (tmp_path / "corpus" / "archives").exists()
    assert corpus.fetch(tmp_path / "another") != raw
    assert len(server.paths) == 2


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
    with pytest.raises(UserError, match=rf"got another one, {other[EUROPARL]}.*To accept .* delete {text}/{EUROPARL}"):
        free.fetch(tmp_path / "corpus")
    (text / f"{EUROPARL}.json").unlink()
    assert lines(free.fetch(tmp_path / "corpus").training[0]) == sentences("europarl-v7", "xx")


def test_another_expected_checksum_reads_the_archive_again(german: WMT14, tmp_path: Path) -> None:
    german.fetch(tmp_path / "corpus")
    wrong = with_options(german, checksums={**german.checksums, EUROPARL: f"sha256:{'0' * 64}"})
    with pytest.raises(UserError, match="got another one"):
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
        prepare_corpus(raw, corpus.cleaning, "en", "de", tmp_path / "clean")


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
    with pytest.raises(UserError, match="7 and 6; they part at segment 2, which is 2 of document news/0"):
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
