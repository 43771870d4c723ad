"""What is found out about a recipe before a run: mistakes in its files, settings that are hardly meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from nmt.recipe import load_recipe
from nmt.recipe.examine import FIRST, Findings, examine
from nmt.shipped import shipped_recipes
from tests.cli.model_directory import ordinary_line

RECIPE = """corpus:
  kind: files
  source: en
  target: de
  training:
    - {source: train.en, target: train.de}
  validation: {source: dev.en, target: dev.de}
tokenizer:
  vocabulary_size: 320
model: {kind: transformer, preset: tiny}
training:
  updates: 1000
  schedule: {warmup_updates: 100}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    for name, pairs in (("train", 400), ("dev", 20)):
        for language in ("en", "de"):
            lines = "".join(f"{language} {ordinary_line(number)}\n" for number in range(pairs))
            (tmp_path / f"{name}.{language}").write_text(lines, encoding="utf-8")
    path = tmp_path / "first.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def found(recipe: Path, *overrides: str, most: int | None = None) -> Findings:
    return examine(load_recipe(recipe, overrides), recipe, overrides, most)


@pytest.mark.parametrize("most", [None, FIRST])
def test_a_good_one_has_nothing(recipe: Path, most: int | None) -> None:
    assert found(recipe, most=most) == Findings()


def shorten(folder: Path) -> None:
    (folder / "train.de").write_text("eins\nzwei\n")


def recode(folder: Path) -> None:
    (folder / "dev.de").write_bytes("größer\n".encode("latin1") * 20)


def empty(folder: Path) -> None:
    for language in ("en", "de"):
        (folder / f"dev.{language}").write_bytes(b"")


def remove(folder: Path) -> None:
    (folder / "dev.en").unlink()


def archive(folder: Path) -> None:
    (folder / "train.en").write_bytes(b"PK\x03\x04")


@pytest.mark.parametrize("most", [None, FIRST])
@pytest.mark.parametrize(
    ("harm", "where", "words"),
    [
        (shorten, r"first.yaml:6: corpus.training.0: .*train.en and .*train.de", "400 lines in .* and 2 in"),
        (recode, r"first.yaml:7: corpus.validation: .*dev.de:1", "text in UTF-8"),
        (empty, r"first.yaml:7: corpus.validation: .*dev.en and .*dev.de", "at least one pair"),
        (remove, r"first.yaml:7: corpus.validation: .*dev.en", "No such file"),
        (archive, r"first.yaml:6: corpus.training.0: .*train.en", "zip"),
    ],
)
def test_mistakes_in_the_files(
    recipe: Path, harm: Callable[[Path], None], where: str, words: str, most: int | None
) -> None:
    """With the file, line and key of the recipe, and the file and line of the text."""
    harm(recipe.parent)
    (mistake,) = found(recipe, most=most).mistakes
    assert re.search(f"{where}: expected .*{words}", str(mistake)), mistake


def test_a_vocabulary_that_the_text_does_not_give(recipe: Path) -> None:
    """SentencePiece itself is asked, where it is doubtful and quick."""
    (mistake,) = found(recipe, "tokenizer.vocabulary_size=900").mistakes
    assert "tokenizer.vocabulary_size" in mistake.where
    most = int(mistake.got.split()[-2])
    assert found(recipe, f"tokenizer.vocabulary_size={most}").mistakes == []
    (mistake,) = found(recipe, "tokenizer.vocabulary_size=262").mistakes
    assert "every character of the source and the target" in mistake.expected
    assert found(recipe, "tokenizer.vocabulary_size=900", most=FIRST).mistakes == []


@pytest.mark.parametrize(
    ("overrides", "where", "words"),
    [
        (["corpus.source=english"], "corpus.source", "Did you mean `en`"),
        (["corpus.source=de", "corpus.target=en"], "first.yaml:6: corpus.training.0", "Swap the two files"),
        (["corpus.target=fr"], "first.yaml:7: corpus.validation", "English and German"),
        (["training.updates=100"], "first.yaml:13: training.schedule.warmup_updates", "never reach its peak"),
        (["corpus.validation=null", "corpus.validation_pairs=150"], "corpus.validation_pairs", "20 would be enough"),
        (["tokenizer.vocabulary_size=1001"], "tokenizer.vocabulary_size", "too rare"),
    ],
)
def test_what_is_hardly_meant(recipe: Path, overrides: list[str], where: str, words: str) -> None:
    suspicions = found(recipe, *overrides, most=FIRST).suspicions
    assert any(where in suspicion.where and words in str(suspicion) for suspicion in suspicions), suspicions


def test_more_held_out_than_there_is(recipe: Path) -> None:
    (mistake,) = found(recipe, "corpus.validation=null").mistakes
    assert "400 training pairs" in mistake.expected
    assert mistake.got == "1,000"


def test_a_corpus_that_is_fetched_is_not_looked_at() -> None:
    path = shipped_recipes()["wmt14_en_de/transformer_base"]
    assert examine(load_recipe(path), path, []) == Findings()
