"""Every shipped study can be run as it is, and every recipe that studies share runs, shrunk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nmt.shipped import shipped_recipes, shipped_studies
from tests.command import nmt, succeed

TASKS = [name for name in shipped_recipes() if name.startswith("studies/tasks/")]
SHRUNK = ("training.updates=4", "training.validate_every=2", "training.processes=1", "training.precision=fp32")
MADE = ("corpus.pairs=300", "corpus.validation_pairs=10", "corpus.test_pairs=10")
SHORT = {
    "copy_memory": (*MADE, "corpus.delay=20"),
    "denoise": (*MADE, "corpus.length=20"),
    "tomita": (*MADE, "corpus.test_lengths=[20, 30]"),
    "translation": ("tokenizer.vocabulary_size=400",),
    "characters": (),
    "captions": ("tokenizer.vocabulary_size=400",),
    "questions": (*MADE, "model.linear_start.until_update=2"),
    "marked_xor": (*MADE, "corpus.length=16"),
    "listops": (*MADE, "corpus.lengths=[10, 40]", "training.batch_tokens=1000"),
    "context_free": (*MADE, "corpus.lengths=[4, 10]", "corpus.test_lengths=[12, 14]"),
}


@pytest.mark.parametrize("study", shipped_studies())
def test_a_shipped_study_is_valid(study: str, multi30k: Path) -> None:
    assert ": OK, " in succeed("study", "check", study)


def test_shipped_studies_are_listed_with_their_claims() -> None:
    listing = succeed("study", "list")
    assert all(name in listing for name in shipped_studies())
    assert "absent/study: " in nmt("study", "check", "absent/study").stderr


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_a_recipe_of_the_studies_runs(
    task: str, little_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMT_DATA", str(little_data))
    succeed("run", task, *SHRUNK, *SHORT.get(task.rpartition("/")[2], MADE), "--runs", tmp_path)
    (report,) = tmp_path.glob("*/*/report.json")
    assert json.loads(report.read_text(encoding="utf-8"))["scores"]
