"""Runs of a study in processes of their own, which are stand-ins: several at a time, failures, interruptions."""

from __future__ import annotations

import json
import os
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from nmt.study import running
from nmt.study.check import Checked
from nmt.study.conduct import conduct
from nmt.study.events import Failed, Finished, Moved
from nmt.study.plan import Cell, Plan
from nmt.study.results import Results
from tests.study_files import STUDY, load, stand_in


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "nmt_command", stand_in)


class Record:
    """What a watcher is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def reused(self, cell: Cell, number: int, total: int) -> None:
        self.told.append(f"reused {number}/{total}")

    def started(self, cell: Cell, number: int, total: int) -> None:
        self.told.append(f"started {number}/{total}")

    def moved(self, cell: Cell, event: Moved) -> None:
        assert (event.stage, event.done, event.total) == ("train", 1, 8)

    def ended(self, cell: Cell, outcome: Finished | Failed, seconds: float) -> None:
        self.told.append(f"ended {cell}" + (f": {outcome.why}" if isinstance(outcome, Failed) else ""))

    def tested(self, system: str) -> None:
        raise AssertionError("there are no translations to compare")


def run(plan: Plan, jobs: int = 1) -> tuple[Results, list[str]]:
    record = Record()
    return conduct(plan, Checked({}, []), jobs, record), record.told


def facts(plan: Plan) -> list[dict[str, Any]]:
    return [json.loads((cell.directory / "facts.json").read_text(encoding="utf-8")) for cell in plan.cells()]


def test_what_has_finished_is_reused_and_what_is_new_is_run(tmp_path: Path) -> None:
    plan = load(tmp_path)
    found, told = run(plan)
    assert [system.summaries[0].mean for system in found.systems] == [51.5, 51.5]
    assert told == [
        f"{what} {n}/4" if what == "started" else f"ended {cell}"
        for n, cell in enumerate(plan.cells(), 1)
        for what in ("started", "ended")
    ]
    more = load(tmp_path, STUDY.replace("[1, 2]", "[1, 2, 3]"))
    _, told = run(more)
    assert told[:4] == ["reused 1/6", "reused 2/6", "reused 3/6", "reused 4/6"]
    assert told[4:] == ["started 5/6", "ended narrow, seed 3", "started 6/6", "ended wide, seed 3"]
    _, told = run(load(tmp_path, STUDY.replace("32", "24")))
    assert told[:2] == ["reused 1/4", "reused 3/4"]
    assert len(told) == 6
    assert (plan.directory / "table.md").exists()


def test_runs_share_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    plan = load(tmp_path)
    run(plan, jobs=2)
    found = facts(plan)
    assert found[1]["began"] < found[0]["ended"]
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) > 1:
        assert not set(found[0]["cores"]) & set(found[1]["cores"])
        assert all(int(of_run["threads"]) == len(of_run["cores"]) for of_run in found)


def test_one_at_a_time_has_all_cores(tmp_path: Path) -> None:
    plan = load(tmp_path)
    run(plan)
    found = facts(plan)
    assert all(before["ended"] <= after["began"] for before, after in pairwise(found))
    if hasattr(os, "sched_getaffinity"):
        assert set(found[0]["cores"]) == os.sched_getaffinity(0)


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_run_that_fails_does_not_lose_the_others(tmp_path: Path, jobs: int) -> None:
    plan = load(tmp_path, STUDY.replace("[1, 2]", "[13, 14, 15, 1]"))
    found, _ = run(plan, jobs)
    assert [system.summaries[0].count for system in found.systems] == [1, 1]
    why = {failure.cell.seed: failure.why for failure in found.failures}
    assert why[13] == "training, update 4: expected a finite gradient, got none"
    assert why[14].startswith("ValueError: a bug (exit status 1; see ")
    assert why[15].startswith("killed by SIGKILL")
    _, told = run(plan)  # failures are tried again
    assert [line for line in told if line.startswith("reused")] == ["reused 7/8", "reused 8/8"]


def test_an_interruption_stops_the_runs_and_waits_for_them(tmp_path: Path) -> None:
    plan = load(tmp_path, STUDY.replace("[1, 2]", "[16]"))
    moved = 0

    def interrupt(cell: Cell, event: Moved) -> None:
        nonlocal moved
        moved += 1
        if moved == 2:  # both are at work
            raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        running.run_cells(
            plan.cells(), 2, tmp_path / "logs", lambda cell: None, interrupt, lambda cell, outcome: pytest.fail("ended")
        )
    assert time.monotonic() - start < 30
    stopped = sorted(path.name for path in plan.directory.glob("stopped_*"))
    assert stopped == ["stopped_narrow_seed_16", "stopped_wide_seed_16"]
