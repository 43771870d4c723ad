"""`nmt.train`: the pipeline of `nmt run`, from Python."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import nmt
from tests.api.small_recipe import small_recipe


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    return small_recipe(tmp_path)


def test_a_path_a_mapping_and_a_recipe_are_one_run(
    recipe: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random, threads = torch.get_rng_state(), torch.get_num_threads()
    result = nmt.train(recipe, {"training.updates": 4, "search": nmt.BeamSearch(beam=1)})
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.get_num_threads() == threads
    assert result.directory == Path("runs/mine_en_de/small")
    assert result.scores["news"]["lines"] == 4
    assert nmt.load(result.model).search == nmt.BeamSearch(beam=1)
    assert "train" in capsys.readouterr().err

    (tmp_path / "small.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    weights = (result.model / "weights.safetensors").stat().st_mtime_ns
    overrides = ["training.updates=4", "search={kind: beam, beam: 1}"]
    for same in ("small.yaml", Path("small.yaml"), nmt.Recipe.load("small.yaml", overrides)):
        again = nmt.train(same, () if isinstance(same, nmt.Recipe) else overrides, quiet=True)
        assert again.scores == result.scores
        assert (again.model / "weights.safetensors").stat().st_mtime_ns == weights
    silent = capsys.readouterr()
    assert silent.out + silent.err == ""


def test_an_interrupt_saves_and_the_same_call_goes_on(recipe: dict[str, Any], tmp_path: Path) -> None:
    def interrupt() -> None:
        while not list((tmp_path / "runs").glob("*/*/train/checkpoints/*")):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    settings = {"training.save_every": 2, "training.updates": 100_000}
    with pytest.raises(KeyboardInterrupt):
        nmt.train(recipe, settings, quiet=True)
    saved = sorted((tmp_path / "runs/mine_en_de/small/train/checkpoints").glob("*"))
    assert saved
    result = nmt.train(recipe, {**settings, "training.updates": 4}, quiet=True)
    assert nmt.load(result.model).translate("one two").parts == 1


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"training.updates": "many"}, "override \"training.updates='many'\": training.updates: expected"),
        ({"model.droput": 0.1}, "Did you mean `dropout`"),
        ({"training..updates": 4}, "expected key=value"),
    ],
)
def test_mistakes_are_worded(recipe: dict[str, Any], tmp_path: Path, overrides: dict[str, Any], says: str) -> None:
    with pytest.raises(nmt.UserError) as raised:
        nmt.train(recipe, overrides)
    assert says in str(raised.value)
    assert not (tmp_path / "runs").exists()


def test_a_recipe_object_takes_no_overrides(recipe: dict[str, Any]) -> None:
    with pytest.raises(nmt.UserError, match=r"Recipe\.load"):
        nmt.train(nmt.Recipe.load(recipe), {"training.updates": 4})


def test_a_mapping_needs_a_name(recipe: dict[str, Any]) -> None:
    del recipe["name"]
    with pytest.raises(nmt.UserError, match="recipe: name: expected a value"):
        nmt.Recipe.load(recipe)
