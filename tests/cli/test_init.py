"""`nmt init`: a recipe for two files, which is valid, says why, and does not overwrite anything."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from nmt.recipe import load_recipe
from tests.cli.model_directory import ordinary_line
from tests.command import nmt, succeed

PAIRS = 400


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with text in it, from which the commands are called."""
    monkeypatch.chdir(tmp_path)
    write("train", PAIRS)
    write("dev", 30)
    write("news.2014", 20)
    return tmp_path


def write(name: str, pairs: int) -> None:
    for language in ("en", "fr"):
        Path(f"{name}.{language}").write_text(
            "".join(f"{language} {ordinary_line(number)}\n" for number in range(pairs)), encoding="utf-8"
        )


def test_two_files_become_a_recipe_that_passes(here: Path) -> None:
    shown = succeed("init", "train.en", "train.fr")
    assert f"{PAIRS} pairs" in shown
    assert "nmt recipe check transformer_tiny.yaml" in shown
    assert "nmt run transformer_tiny.yaml" in shown
    recipe = load_recipe(Path("transformer_tiny.yaml"))
    assert (recipe.corpus.name, recipe.name) == ("files_en_fr", "transformer_tiny")
    assert recipe.corpus.held_out == 20
    checked = nmt("recipe", "check", "transformer_tiny.yaml")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_nothing_is_overwritten_unasked(here: Path) -> None:
    Path("transformer_tiny.yaml").write_text("mine\n")
    Path("mine.yaml").write_text("mine\n")
    for output in ((), ("-o", "mine.yaml"), ("-o", ".")):
        refused = nmt("init", "train.en", "train.fr", *output)
        assert refused.returncode == 2
        assert "--force" in refused.stderr
    assert Path("transformer_tiny.yaml").read_text() == Path("mine.yaml").read_text() == "mine\n"
    succeed("init", "train.en", "train.fr", "-o", "mine.yaml", "--force")
    assert load_recipe(Path("mine.yaml")).name == "mine"


def test_paths_start_from_the_recipe_wherever_that_is(here: Path) -> None:
    sets = (
        "--validation",
        "dev.en",
        here / "dev.fr",
        "--test",
        "news.2014.en",
        "news.2014.fr",
        "--test",
        "dev.en",
        "dev.fr",
    )
    succeed("init", "train.en", "train.fr", *sets, "-o", "recipes/first.yaml")
    os.chdir("/")
    recipe = load_recipe(here / "recipes/first.yaml")
    text = {named.key: named.paths for named in recipe.corpus.named_texts}
    assert text[("training", 0)] == (here / "recipes/../train.en", here / "recipes/../train.fr")
    assert [path.resolve().name for path in text[("validation",)]] == ["dev.en", "dev.fr"]
    assert set(text) == {("training", 0), ("validation",), ("tests", "news_2014"), ("tests", "dev")}


def test_a_table_and_compressed_files(here: Path) -> None:
    lines = [f"{ordinary_line(number)}\tfr {ordinary_line(number)}\n" for number in range(PAIRS)]
    Path("pairs.tsv.gz").write_bytes(gzip.compress("".join(lines).encode()))
    shown = succeed("init", "pairs.tsv.gz", "--source", "english", "--target", "no", "-o", "table.yaml")
    assert "English (en) to Norwegian (no)" in shown
    recipe = load_recipe(Path("table.yaml"))
    assert recipe.corpus.name == "pairs_en_no"
    assert recipe.corpus.named_texts[0].paths == (here / "pairs.tsv.gz",)
    assert 'target: "no"' in succeed("init", "pairs.tsv.gz", "--source", "en", "--target", "no", "-o", "-")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train.en", "dev.fr"), "400 lines in train.en and 30 in dev.fr"),
        (("train.en", "nowhere.fr"), "nowhere.fr"),
        (("a", "b"), "--source CODE --target CODE"),
        (("a", "b", "--source", "en", "--target", "english"), "en twice"),
        (("train.en", "train.en"), "--source CODE --target CODE"),
        (("dev.en", "dev.fr"), "at least 100 pairs"),
        (("train.en", "train.fr", "dev.en"), "3 files"),
    ],
)
def test_mistakes(here: Path, arguments: tuple[str, ...], words: str) -> None:
    for copy, of in (("a", "train.en"), ("b", "train.fr")):
        Path(copy).write_bytes(Path(of).read_bytes())
    done = nmt("init", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert not list(here.glob("*.yaml"))


def test_awkward_names_read_back(here: Path) -> None:
    names = ["it's: #1 {a}.en", "it's: #1 {a}.fr"]
    for name, of in zip(names, ("train.en", "train.fr"), strict=True):
        Path(name).write_bytes(Path(of).read_bytes())
    succeed("init", *names, "-o", "odd.yaml")
    assert [path.name for path in load_recipe(Path("odd.yaml")).corpus.named_texts[0].paths] == names
