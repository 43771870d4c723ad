"""What the README tells a newcomer to do works, and so does every shipped recipe, shrunk by its own overrides."""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RECIPES = sorted(path for path in (ROOT / "recipes").glob("*/*.yaml") if not path.parent.name.startswith("wmt14"))
"""All but those that test_wmt14.py runs, on archives of its own."""

SHRUNK = ["training.updates=6", "training.validate_every=3", "training.precision=fp32", "search.beam=2"]
SHRUNK += ["search.max_length_factor=0.1", "search.max_length_offset=3"]  # a model that knows nothing never ends
REFINED = ["training.refine.samples=2", "training.refine.max_length_factor=0.1", "training.batch_tokens=200"]
OF_CORPUS = {"phrasebook": ["corpus.pairs=1500", "tokenizer.vocabulary_size=600"], "multi30k": [], "files": []}


def nmt(*arguments: str | Path, cwd: Path = ROOT, text: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-m", "nmt", *map(str, arguments)],
        cwd=cwd,
        input=text,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_shipped_recipe_runs(
    recipe: Path, tmp_path: Path, data_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMT_DATA", str(data_directory))
    kind = recipe.parent.name.split("_")[0]
    settings = [*SHRUNK, *OF_CORPUS[kind]]
    start = re.search(r"start_from: runs/(.*)/model", recipe.read_text(encoding="utf-8"))
    if start:
        nmt("run", ROOT / "recipes" / f"{start[1]}.yaml", *settings, "--runs", tmp_path / "start")
        settings += [f"training.start_from={tmp_path / 'start' / start[1] / 'model'}", *REFINED]
    if "pretraining:" in recipe.read_text(encoding="utf-8"):
        settings += ["model.pretraining.updates=1"]  # or that would be all
    output = nmt("run", recipe, *settings, "--runs", tmp_path / "runs")
    (run,) = (tmp_path / "runs").glob("*/*")
    assert run.relative_to(tmp_path / "runs") == Path(recipe.parent.name) / recipe.stem
    report = json.loads((run / "report.json").read_text())
    assert report["scores"]
    for scores in report["scores"].values():
        assert "nrefs:1|case:mixed" in scores["bleu"]["signature"]
    command = re.search(r"echo .* \| .*nmt translate .*", output)
    assert command, output
    sentence = shlex.split(command.group())[1]
    assert nmt("translate", run / "model", text=sentence + "\n").count("\n") == 1


@pytest.mark.slow
def test_the_readmes_recipe_for_ones_own_files(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(corpus:\n.*?)```", README, flags=re.DOTALL)
    recipe = tmp_path / "small.yaml"
    recipe.write_text(block, encoding="utf-8")
    lines = [(f"the number {n} is {n % 7}", f"die Zahl {n} ist {n % 7}") for n in range(400)]
    for name, part in {"train": lines[:300], "dev": lines[300:350], "news": lines[350:]}.items():
        for side, language in enumerate(("en", "de")):
            data = "".join(f"{pair[side]}\n" for pair in part).encode()
            if name == "train":
                (tmp_path / f"{name}.{language}.gz").write_bytes(gzip.compress(data))
            else:
                (tmp_path / f"{name}.{language}").write_bytes(data)
    small = ["model.preset=tiny", "tokenizer.vocabulary_size=310", "training.batch_tokens=500"]
    assert "OK" in nmt("recipe", "check", recipe, *small)
    nmt("run", recipe, *small, *SHRUNK, "--runs", tmp_path / "runs")
    assert (tmp_path / "runs/mine_en_de/small/translate/news").read_text().count("\n") == 50


def commands() -> list[list[str]]:
    """Every `nmt` command in the README's code blocks, as words."""
    blocks = README.split("```")[1::2]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    calls = [re.split(r"(?:^|\| )nmt ", line.split("#")[0])[-1] for line in lines if re.search(r"(^|\| )nmt ", line)]
    return [shlex.split(call) for call in calls]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_the_readme_names_options_that_exist(words: list[str]) -> None:
    name = " ".join(words[: 2 if words[0] in ("recipe", "import", "export") else 1])
    known = nmt(*name.split(), "--help")
    options = [word for word in words if word.startswith("-") and word not in known]
    assert options == []


def test_the_readme_shows_commands() -> None:
    assert len(commands()) > 8
    assert "make quickstart" in README
    assert "make test" in README
