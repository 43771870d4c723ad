"""Studies of tiny systems for tests, and runs of them that no model has made."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nmt.pipeline.report import recipe_digest
from nmt.study.events import Finished
from nmt.study.load import load_plan
from nmt.study.plan import Cell, Plan
from nmt.study.results import Results, read_run, results_of
from nmt.study.state import State
from tests.tiny_recipe import RECIPE, WORDS

LINES = [f"{a} {b} {c}" for a in WORDS for b in WORDS for c in WORDS[:3]]
STUDY = """\
claim: A wider model is better.
recipe: small.yaml
systems:
  narrow: {}
  wide: {model.model_dim: 32}
seeds: [1, 2]
measure: chrf
"""
TRANSLATIONS = {"good": LINES[5:45], "bad": [" ".join(line.split()[::-1]) for line in LINES[5:45]]}


def write_study(folder: Path, study: str = STUDY) -> Path:
    """A study with its recipe and text."""
    for name, chosen in (("train", LINES), ("validation", LINES[:4]), ("test", LINES[5:45])):
        text = "".join(f"{line}\t{line[::-1]}\n" for line in chosen)
        (folder / f"{name}.tsv").write_text(text, encoding="utf-8")
    (folder / "small.yaml").write_text(RECIPE, encoding="utf-8")
    path = folder / "widths.yaml"
    path.write_text(study, encoding="utf-8")
    return path


def load(folder: Path, study: str = STUDY) -> Plan:
    """The plan of a study that is written into the folder."""
    return load_plan(write_study(folder, study), folder / "runs")


def finish(
    cell: Cell,
    state: State,
    scores: Mapping[str, float],
    *,
    losses: Sequence[float | None] = (3.0, 2.0),
    translation: str = "good",
    seconds: float = 60.0,
    parameters: int = 1000,
    yardsticks: Mapping[str, float] | None = None,
) -> None:
    """Leaves what a run leaves that has ended with these figures, validated every four updates."""
    measured = {name: {"name": name, "score": score, "signature": "s"} for name, score in scores.items()}
    report: dict[str, Any] = {
        "recipe_digest": recipe_digest(cell.recipe.model_dump(mode="json")),
        "scores": {"mine": {**measured, "lines": 40}},
        "parameters": parameters,
        "training": {"seconds_of_updates": seconds},
    }
    if yardsticks:
        of_test = {name: {next(iter(scores)): {"score": value}} for name, value in yardsticks.items()}
        report["yardsticks"] = {"mine": of_test}
    for name in ("train", "translate"):
        (cell.directory / name).mkdir(parents=True, exist_ok=True)
    (cell.directory / "report.json").write_text(json.dumps(report), encoding="utf-8")
    log = [
        {"event": "validated", "what": "weights", "update": 4 * n, "loss": loss, "bleu": None}
        for n, loss in enumerate(losses, start=1)
    ]
    log.append({"event": "validated", "what": "average", "update": 4 * len(losses), "loss": 0.0, "bleu": None})
    (cell.directory / "train/log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log), encoding="utf-8")
    reference = cell.runs / "reference"
    for path, lines in ((cell.directory / "translate/mine", TRANSLATIONS[translation]), (reference, LINES[5:45])):
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    state.record(cell, Finished({"mine": str(reference)}))


def results(plan: Plan, state: State) -> Results:
    """The results of all runs, with their tests."""
    figures = {cell.recipe.name: read_run(cell, state) for cell in plan.cells()}
    return results_of(plan, state, figures, lambda name: None)


STAND_IN = """\
import hashlib, json, os, pathlib, signal, sys, time
task = json.load(sys.stdin)
recipe, runs = task["recipe"], pathlib.Path(task["runs"])
run = runs / "tiny_en_xx" / recipe["name"]
def send(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)
def stop(number, frame):
    runs.mkdir(parents=True, exist_ok=True)
    (runs / f"stopped_{recipe['name']}").write_text(str(number))
    sys.exit(130)
signal.signal(signal.SIGTERM, stop)
print("a library's greeting", flush=True)
send("Moved", stage="train", done=1, total=8)
seed = recipe["training"]["seed"]
began = time.monotonic()
if seed == 13:
    send("Failed", why="training, update 4: expected a finite gradient, got none")
    sys.exit(2)
if seed == 14:
    raise ValueError("a bug")
if seed == 15:
    os.kill(os.getpid(), signal.SIGKILL)
if seed == 16:
    time.sleep(60)
time.sleep(0.3)
run.mkdir(parents=True, exist_ok=True)
digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
report = {"recipe_digest": digest, "scores": {"mine": {"chrf": {"score": 50.0 + seed, "signature": "s"}}}}
report |= {"parameters": 1000, "training": {"seconds_of_updates": 1.0}}
(run / "report.json").write_text(json.dumps(report))
cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
facts = {"began": began, "ended": time.monotonic(), "threads": os.environ.get("OMP_NUM_THREADS"), "cores": cores}
(run / "facts.json").write_text(json.dumps(facts))
send("Finished", references={})
"""
"""A program that takes the place of a run's process: it ends as its seed says, without loading torch."""


def stand_in(arguments: Sequence[str]) -> list[str]:
    """Takes the place of `nmt.processes.nmt_command`."""
    assert tuple(arguments) == ("study", "cell")
    return [sys.executable, "-c", STAND_IN]
