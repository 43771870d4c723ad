"""`nmt probe memory` from end to end, with a model that learns little."""

from __future__ import annotations

import json
from pathlib import Path

from tests.command import nmt, succeed

RECIPE = Path(__file__).resolve().parents[2] / "recipes/studies/tasks/memorization.yaml"
SMALL = (
    "corpus.vocabulary=2",
    "corpus.distance=1",
    "corpus.longest_distance=2",
    "corpus.pairs=640",
    "corpus.test_pairs=30",
    "corpus.validation_pairs=10",
    "model.decoder.model_dim=8",
    "training.updates=80",
    "training.schedule.warmup_updates=2",
    "training.batch_tokens=320",
    "training.processes=1",
)


def test_distances_are_tried_up_to_the_longest_and_not_again(tmp_path: Path) -> None:
    command = ("probe", "memory", RECIPE, *SMALL, "--seeds", 1, "--threshold", 1, "--runs", tmp_path)
    printed = succeed(*command)
    assert "2 or more" in printed
    assert "A guess has 50 %" in printed
    folder = tmp_path / "studies/memory_of_memorization"
    (found,) = json.loads((folder / "memory.json").read_text(encoding="utf-8"))["architectures"]
    assert (found["largest_distance"], found["first_lost"], found["vocabulary"]) == (2, None, 2)
    assert [tried["distance"] for tried in found["tried"]] == [1, 2]
    assert all(0.0 <= tried["bits"] <= 1.0 for tried in found["tried"])
    assert (folder / "table.md").read_text(encoding="utf-8").count("| memorization |") == 3
    again = succeed(*command)
    assert again.count("reused (finished before, unchanged)") == 2


def test_a_wrong_recipe_is_one_message(tmp_path: Path) -> None:
    done = nmt("probe", "memory", RECIPE, "model.decoder.layer=1", "--runs", tmp_path)
    assert done.returncode == 2
    assert "model.decoder.layer" in done.stderr
    assert not list(tmp_path.iterdir())
