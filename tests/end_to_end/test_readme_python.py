"""The README's section "From Python" runs as it stands there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.api.small_recipe import small_recipe
from tests.cli.model_directory import ordinary_line, save_tiny_model

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("\n## From Python\n")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"^```python\n(.*?)^```", SECTION, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_the_readmes_python_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    save_tiny_model(tmp_path / "runs/phrasebook_en_de/transformer_tiny")
    (tmp_path / "book.en").write_text("".join(f"{ordinary_line(n)}\n" for n in range(5)), encoding="utf-8")
    recipes = tmp_path / "recipes/mine_en_de"
    recipes.mkdir(parents=True)
    (recipes / "small.yaml").write_text(json.dumps(small_recipe(recipes)), encoding="utf-8")

    names: dict[str, Any] = {}
    for block in BLOCKS:  # one program
        exec(compile(block, "README.md", "exec"), names)
    assert len(BLOCKS) > 2
    assert (tmp_path / "runs/mine_en_de/small/report.json").exists()
    assert names["recipe"].search.beam == 2
    printed = capsys.readouterr().out
    assert "BLEU" in printed
    assert len(printed.splitlines()) > 3 + 5 + 5
