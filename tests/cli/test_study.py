"""`nmt study`: what it prints, its exit status, and what it leaves; trained for real where that matters."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nmt.study import running
from tests.command import nmt, succeed
from tests.study_files import STUDY, stand_in, write_study

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NMT_RUNS", str(tmp_path / "runs"))
    return write_study(tmp_path)


@pytest.fixture
def without_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that end at once, with made-up figures."""
    monkeypatch.setattr(running, "nmt_command", stand_in)


def results(study: Path) -> Path:
    return study.parent / "runs/studies" / study.stem


def test_check_counts_parameters_and_runs_nothing(study: Path) -> None:
    output = succeed("study", "check", study)
    assert "wide" in output
    assert "+159.6%" in output
    assert output.endswith(f"{study}: OK, 2 systems × 2 seeds = 4 runs\n")
    assert not (study.parent / "runs").exists()


@pytest.mark.parametrize("command", [["check"], ["show"], ["run"], []])
def test_a_mistake_is_one_message_and_leaves_nothing(study: Path, command: list[str]) -> None:
    study.write_text(STUDY.replace("model_dim", "modl_dim"), encoding="utf-8")
    done = nmt("study", *command, study)
    assert done.returncode == 2
    assert done.stderr.startswith(f"nmt: {study}:5: model.modl_dim: ")
    assert not (study.parent / "runs").exists()


def test_a_command_that_does_not_exist_is_no_study(study: Path) -> None:
    assert "'chek'" in nmt("study", "chek", study).stderr
    assert "absent.yaml: expected a study" in nmt("study", "absent.yaml").stderr
    assert nmt("study").returncode == 0
    assert "nmt study STUDY.yaml" in nmt("study").stdout


def test_the_schema_describes_every_key() -> None:
    schema = json.loads(succeed("study", "schema"))
    assert "name" not in schema["required"]
    assert all(value.get("description") for value in schema["properties"].values())


@pytest.mark.usefixtures("without_training")
def test_progress_table_and_files_and_all_of_it_again(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    output = succeed("study", study, "--jobs", 2)
    for words in (
        "[1/4] narrow, seed 1: …",
        "[4/4] wide, seed 2: done in",
        "A wider model is better.",
        "chrF on mine (higher is better), mean ± standard deviation over the seeds 1, 2.",
        "51.5 ± 0.7",
        "No figures were drawn: matplotlib is not installed.",
        str(results(study)),
    ):
        assert words in output
    assert "\x1b" not in output
    assert "51.5 ± 0.7" in (results(study) / "table.md").read_text(encoding="utf-8")
    assert json.loads((results(study) / "study.json").read_text(encoding="utf-8"))["name"] == "widths"
    again = succeed("study", "--jobs=1", study)
    assert again.count("reused (finished before, unchanged)") == 4
    assert "51.5 ± 0.7" in succeed("study", "show", study)


@pytest.mark.usefixtures("without_training")
def test_a_failed_run_is_status_1_and_in_the_table(study: Path) -> None:
    study.write_text(STUDY.replace("[1, 2]", "[1, 13]"), encoding="utf-8")
    done = nmt("study", study)
    assert done.returncode == 1
    assert "Failed: wide, seed 13: training, update 4: expected a finite gradient, got none" in done.stdout
    assert "51.0 (1 of 2 runs)" in done.stdout


@pytest.mark.slow
def test_systems_are_trained_and_compared(study: Path) -> None:
    """One of them diverges. What it shares with the others is prepared once."""
    diverging = "  broken: {training.schedule: {kind: constant, learning_rate: 1.0e+30}, training.updates: 40}\n"
    study.write_text(STUDY.replace("seeds: [1, 2]\n", f"{diverging}seeds: [1]\n"), encoding="utf-8")
    done = nmt("study", study)
    assert done.returncode == 1, done.stderr
    assert "Failed: broken, seed 1: " in done.stdout
    assert "diverged" in done.stdout
    assert "paired bootstrap" in done.stdout
    plain = json.loads((results(study) / "study.json").read_text(encoding="utf-8"))
    assert 0 < plain["systems"][1]["difference"]["p"] <= 1
    assert plain["systems"][1]["parameters"] > plain["systems"][0]["parameters"]
    log = (results(study) / "logs/wide_seed_1.log").read_text(encoding="utf-8")
    assert "tokenizer: reused (" in log
    by_hand = succeed("run", study.with_name("small.yaml"), "name=narrow_seed_1", "--runs", results(study))
    assert by_hand.count("reused (") == 7  # it is an ordinary run
    study.write_text(STUDY.replace("[1, 2]", "[1]"), encoding="utf-8")
    assert succeed("study", study).count("reused (finished before, unchanged)") == 2


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_study_saves_a_checkpoint_and_ends_as_run_does(study: Path, number: signal.Signals) -> None:
    study.write_text(STUDY.replace("recipe:", "settings: {training.updates: 100000}\nrecipe:"), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "nmt", "study", study], env=environment, stdout=subprocess.PIPE, text=True
    )
    last = results(study) / "tiny_en_xx/narrow_seed_1/train/checkpoints/last.safetensors"
    deadline = time.monotonic() + 240
    while not last.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    process.communicate(timeout=120)
    assert process.returncode == 128 + number
    log = (results(study) / "logs/narrow_seed_1.log").read_text(encoding="utf-8")
    assert "the same command resumes from there" in log
    assert not (results(study) / "study.json").exists()
