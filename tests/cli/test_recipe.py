"""`nmt recipe`."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from nmt.cli.main import main
from nmt.recipe import load_recipe
from nmt.recipe.show import as_yaml


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text("corpus: {kind: phrasebook}\nmodel: {kind: transformer, preset: tiny}\n", encoding="utf-8")
    return path


def nmt(*arguments: str | Path) -> int | str | None:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return caught.value.code


def test_check_counts_parameters(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert nmt("recipe", "check", recipe, "tokenizer.vocabulary_size=1000") == 0
    out = capsys.readouterr().out
    assert "total" in out
    assert out.endswith("OK\n")
    assert "\x1b" not in out


def test_check_sums_up_part_by_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """GNMT at full size, of which nothing is allocated; the 278 million that papers quote leave out its attention."""
    path = tmp_path / "gnmt.yaml"
    path.write_text(
        "corpus: {kind: phrasebook}\n"
        "tokenizer: {vocabulary_size: 32000}\n"
        "model: {kind: gnmt, model_dim: 1024, encoder_layers: 8, decoder_layers: 8, tied_embeddings: none}\n",
        encoding="utf-8",
    )
    assert nmt("recipe", "check", path) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[:-1]]
    assert rows[0] == ["part", "parameters", "so", "far"]
    parts, (name, total) = rows[1:-1], rows[-1]
    so_far = 0
    for _, count, shown in parts:
        so_far += number(count)
        assert number(shown) == so_far
    assert (name, number(total)) == ("total", so_far)
    before = {part: shown for (_, _, shown), (part, _, _) in pairwise(parts)}
    assert before["attention"] == "278,728,704"


def number(shown: str) -> int:
    return int(shown.replace(",", ""))


def test_check_shows_every_mistake(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert nmt("recipe", "check", recipe, "model.heads=0", "modle.dropout=1") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "model.heads" in captured.err
    assert "Did you mean `model`?" in captured.err
    assert "Traceback" not in captured.err


def test_show_prints_the_resolved_recipe(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert nmt("recipe", "show", recipe, "search.beam=3") == 0
    assert capsys.readouterr().out == as_yaml(load_recipe(recipe, ["search.beam=3"]))


def test_schema_is_json_and_the_hint_goes_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert nmt("recipe", "schema") == 0
    captured = capsys.readouterr()
    assert "corpus" in json.loads(captured.out)["properties"]
    assert "yaml-language-server" in captured.err


def test_recipe_alone_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert nmt("recipe") == 0
    assert "check" in capsys.readouterr().out


def test_an_absent_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (("recipe", "check"), ("run",), ("train",), ("prepare",)):
        assert nmt(*command, tmp_path / "no.yaml") == 2
        assert "no.yaml" in capsys.readouterr().err
