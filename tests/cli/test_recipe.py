"""`nmt recipe`."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from nmt.cli.main import main
from nmt.recipe import load_recipe
from nmt.recipe.show import as_yaml
from nmt.shipped import shipped_recipes


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


def test_every_shipped_recipe_is_listed_with_what_it_downloads(capsys: pytest.CaptureFixture[str]) -> None:
    assert nmt("recipe", "list") == 0
    rows = {row.split()[0]: row.rstrip() for row in capsys.readouterr().out.splitlines() if "/" in row}
    assert list(rows) == list(shipped_recipes())
    of_corpora = [row for name, row in rows.items() if not name.startswith("studies/")]
    assert all("English -> " in row or "German image captions" in row for row in of_corpora)
    assert rows["phrasebook_en_de/transformer_tiny"].endswith(" nothing")
    assert rows["multi30k_en_de/gnmt_small"].endswith(" 1.3 MB")
    assert rows["wmt14_en_fr/gnmt"].endswith(" 6.6 GB")


def test_a_shipped_recipe_is_copied_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, copy = "multi30k_en_de/transformer_tiny", tmp_path / "mine" / "transformer_tiny.yaml"
    assert nmt("recipe", "copy", name, copy.parent) == 0
    assert f"nmt run {copy}" in capsys.readouterr().out
    assert load_recipe(copy) == load_recipe(shipped_recipes()[name])
    copy.write_text("mine", encoding="utf-8")
    assert nmt("recipe", "copy", name, copy.parent) == 2
    assert copy.read_text(encoding="utf-8") == "mine"
    assert nmt("recipe", "copy", name, copy.parent, "--force") == 0
    assert nmt("recipe", "copy", "multi30k_en_de/transformer_tin", tmp_path) == 2
    assert f"Did you mean `{name}`?" in capsys.readouterr().err


def test_a_shipped_recipe_is_known_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is no file of that name."""
    monkeypatch.chdir(tmp_path)
    for name in ("phrasebook_en_de/transformer_tiny", "recipes/phrasebook_en_de/transformer_tiny.yaml"):
        assert nmt("recipe", "check", name) == 0
    Path("phrasebook_en_de").mkdir()
    Path("phrasebook_en_de/transformer_tiny").write_text("corpus: {kind: nonsense}\n", encoding="utf-8")
    assert nmt("recipe", "check", "phrasebook_en_de/transformer_tiny") == 2
    assert "nonsense" in capsys.readouterr().err


def test_the_files_are_read_before_anything_is_begun(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    corpus = "{kind: files, source: english, target: de, training: [{source: a.en, target: a.de}], validation_pairs: 1}"
    path.write_text(f"corpus: {corpus}\nmodel: {{kind: transformer, preset: tiny}}\n", encoding="utf-8")
    (tmp_path / "a.en").write_text("one\n", encoding="utf-8")
    for command in (("recipe", "check"), ("run",), ("prepare",), ("train",)):
        assert nmt(*command, path) == 2
        told = capsys.readouterr().err
        assert "warning: " in told
        assert "Did you mean `en`?" in told
        assert f"mine.yaml:1: corpus.training.0: {tmp_path / 'a.de'}: expected a readable file" in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.en", "mine.yaml"]
