"""What options that a version has gained mean for what an older one recorded, and where paths of recipes lead."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from nmt.models import ModelConfig
from nmt.models.transformer import Transformer
from nmt.options import Options, beside_recipe, renewed, with_effect
from nmt.training import Training


def test_records_of_older_versions_are_completed() -> None:
    today = Transformer.Config(preset="tiny", dropout=0.2).model_dump(mode="json")
    older = {name: value for name, value in today.items() if name not in ("decoder_heads", "output_bias")}
    assert older != today
    assert renewed(ModelConfig, older) == today


@pytest.mark.parametrize("damaged", [None, {}, {"kind": "of the past"}, {"kind": "gnmt", "no_longer": 1}])
def test_records_that_are_not_understood_stay_as_they_are(damaged: object) -> None:
    assert renewed(ModelConfig, damaged) == damaged


def test_a_changed_value_stays_changed() -> None:
    assert renewed(Training, {"updates": 7}) != Training().model_dump(mode="json")


def test_a_path_starts_beside_the_recipe_or_where_it_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, recipes = tmp_path / "here", tmp_path / "recipes"
    for folder in (here, recipes):
        folder.mkdir()
    monkeypatch.chdir(here)
    path = Path("model")
    assert beside_recipe(path, recipes) == recipes / "model"  # neither is there
    (here / "model").mkdir()
    assert beside_recipe(path, recipes) == here / "model"
    (recipes / "model").mkdir()
    assert beside_recipe(path, recipes) == recipes / "model"
    assert beside_recipe(tmp_path / "absolute", recipes) == tmp_path / "absolute"


@pytest.mark.parametrize("config", get_args(get_args(ModelConfig)[0]))
def test_models_that_differ_in_dropout_alone_mean_the_same_function(config: type[Options]) -> None:
    """As averaging them takes for granted."""
    shaping = with_effect(config(), None)
    assert "kind" in shaping
    assert not {name for name in shaping if "dropout" in name or name == "preset"}
