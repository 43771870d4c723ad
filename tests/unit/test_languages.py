"""What names of files and of languages tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmt.languages import common_stem, known_code, language_name, languages_of_pair, languages_of_table


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("train.en", "train.fr", ("en", "fr")),
        ("train.en.gz", "train.fr", ("en", "fr")),
        ("corpus.en-fr.fr", "corpus.en-fr.en", ("fr", "en")),
        ("europarl-v7.fr-en.en.gz", "europarl-v7.fr-en.fr.gz", ("en", "fr")),
        ("en.txt", "de.txt", ("en", "de")),
        ("train_en.txt", "train_de.txt", ("en", "de")),
        ("English.txt", "German.txt", ("en", "de")),
        ("dev.eng_Latn", "dev.zho_Hans", ("en", "zh")),
        ("dev.pt-BR", "dev.pt-PT", ("pt-BR", "pt-PT")),
        ("train.tok.clean.en", "train.de", ("en", "de")),
        ("it-is.en", "it-is.fr", ("en", "fr")),
        ("en/train.txt", "fr/train.txt", ("en", "fr")),
        ("en-fr/source.txt", "en-fr/target.txt", None),
        ("source.txt", "target.txt", None),
        ("train.src", "train.tgt", None),
        ("train.en", "train.en", None),
        ("train", "train.fr", None),
    ],
)
def test_languages_of_two_files(source: str, target: str, expected: tuple[str, str] | None) -> None:
    assert languages_of_pair(Path("data.de", source), Path("data.de", target)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pairs.en-fr.tsv", ("en", "fr")),
        ("en_de.tsv.gz", ("en", "de")),
        ("fra-eng.txt", ("fr", "en")),
        ("pairs.tsv", None),
        ("back-to-work.tsv", None),
    ],
)
def test_languages_of_a_table(name: str, expected: tuple[str, str] | None) -> None:
    assert languages_of_table(Path(name)) == expected


def test_codes_and_names() -> None:
    words = ("en", "EN", "english", "deu", "pt-BR", "zh_Hans", "xx", "source")
    assert [known_code(word) for word in words] == ["en", "en", "en", "de", "pt-BR", "zh_Hans", None, None]
    assert [language_name(code) for code in ("de", "pt-BR", "xx")] == ["German", "Portuguese", "xx"]


def test_what_two_names_share() -> None:
    assert common_stem(Path("news.2014.en.txt.gz"), Path("news.2014.de.txt")) == "news_2014"
    assert common_stem(Path("en"), Path("de")) == ""
