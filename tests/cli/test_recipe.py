"""`nmt recipe`."""

from __future__ import annotations

import json
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
