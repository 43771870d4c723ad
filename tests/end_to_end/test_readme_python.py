"""Python of the documentation runs as it stands: the README's example, and docs/python.md as one program."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.api.small_recipe import small_recipe
from tests.cli.model_directory import ordinary_line, save_tiny_model

ROOT = Path(__file__).resolve().parents[2]


def blocks(page: str) -> list[str]:
    """The Python code blocks of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def run(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run all blocks of a page as one program, in a folder with a small model, recipe and text; its names."""
    monkeypatch.chdir(folder)
    save_tiny_model(folder / "runs/phrasebook_en_de/transformer_tiny")
    (folder / "book.en").write_text("".join(f"{ordinary_line(n)}\n" for n in range(5)), encoding="utf-8")
    recipes = folder / "recipes/mine_en_de"
    recipes.mkdir(parents=True)
    (recipes / "small.yaml").write_text(json.dumps(small_recipe(recipes)), encoding="utf-8")
    names: dict[str, Any] = {}
    for block in blocks(page):
        exec(compile(block, page, "exec"), names)
    return names


def test_the_readmes_python_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("README.md", tmp_path, monkeypatch)
    assert len(blocks("README.md")) == 1
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.slow
def test_the_python_of_its_own_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = run("docs/python.md", tmp_path, monkeypatch)
    assert len(blocks("docs/python.md")) > 2
    assert (tmp_path / "runs/mine_en_de/small/report.json").exists()
    assert names["recipe"].search.beam == 2
    printed = capsys.readouterr().out
    assert "BLEU" in printed
    assert len(printed.splitlines()) > 3 + 5 + 5
