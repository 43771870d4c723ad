"""WMT14 from small archives of the same layout, served over loopback HTTP."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from data_prep.wmt14 import WMT14
from data_prep.wmt14_archives import ADDRESS, ARCHIVES, TRAINING
from nmt.data.clean import prepare_corpus
from nmt.data.pairs import read_rows
from tests.loopback import Server
from tests.unit.data_prep.wmt14_corpus import (
    COMMON_CRAWL,
    DEV,
    EUROPARL,
    GERMAN,
    held,
    lines,
    sentences,
    with_options,
)
from tests.wmt14_archives import FILES, write_archives


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
    for target, side in (("de", 1), ("en", 0)):  # one language: that side of the same pairs
        alone = with_options(turned, source=None, target=target)
        assert alone.name == f"wmt14_{target}"
        raw = alone.fetch(tmp_path / f"alone_{target}")
        assert list(read_rows(raw.validation)) == [(pair[side],) for pair in held("de")["newstest2013"]]
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
    assert raw.training[-1].sides[0].read_bytes()[:2] == gzip.compress(b"")[:2]  # stays packed


def test_parts_can_be_chosen(german: WMT14, server: Server, tmp_path: Path) -> None:
    raw = with_options(german, training=["news-commentary-v9", "europarl-v7"]).fetch(tmp_path / "corpus")
    assert [lines(files)[0][0].split()[0] for files in raw.training] == ["news-commentary-v9", "europarl-v7"]
    assert f"/wmt13/{COMMON_CRAWL}" not in server.paths


def test_other_options_in_the_same_folder(german: WMT14, server: Server, tmp_path: Path) -> None:
    """More of an archive is wanted than was read out of it before, then less again."""
    gnmt = with_options(german, validation="newstest2012+2013")
    for corpus, sets in ((german, [2013]), (gnmt, [2012, 2013]), (german, [2013])):
        expected = [pair for year in sets for pair in held("de")[f"newstest{year}"]]
        assert lines(corpus.fetch(tmp_path / "corpus").validation) == expected
    assert len(server.paths) == 5


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
    report = prepare_corpus(corpus.fetch(tmp_path / "raw"), corpus.cleaning, ("en", "de"), tmp_path / "clean")
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
    (tmp_path / "corpus" / "text" / f"{COMMON_CRAWL}.json").write_text("[]")
    raw = german.fetch(tmp_path / "corpus")
    assert lines(raw.tests["newstest2014"]) == held("de")["newstest2014"]
    assert not list((tmp_path / "corpus" / "text").glob(".*"))
    assert len(server.paths) == 5


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
