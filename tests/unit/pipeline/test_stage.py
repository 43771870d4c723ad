"""A stage runs when its content says so: not by time, and never on top of half-written outputs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nmt.pipeline.record import Record
from nmt.pipeline.reporter import Silent
from nmt.pipeline.stage import Stage, run_stage
from nmt.text import file_digest


@dataclass
class Listener(Silent):
    """Remembers what happened."""

    events: list[str] = field(default_factory=list)

    def stage_reused(self, stage: str, why: str) -> None:
        self.events.append(f"{stage} reused")

    def stage_started(self, stage: str, why: str) -> None:
        self.events.append(f"{stage} started: {why}")


@dataclass
class TwoStages:
    """upper: the text in capitals; count: how often a letter is in it."""

    run: Path
    text: Path
    letter: str = "A"
    suffix: str = "!"
    version: int = 1

    def __call__(self) -> tuple[list[str], Record]:
        listener = Listener()

        def upper(directory: Path) -> Mapping[str, Any]:
            (directory / "inner").mkdir()
            (directory / "inner" / "upper").write_text(self.text.read_text().upper() + self.suffix)
            return {}

        def count(directory: Path) -> Mapping[str, Any]:
            n = (self.run / "upper" / "inner" / "upper").read_text().count(self.letter)
            (directory / "count").write_text(str(n))
            return {"n": n}

        inputs = {"text": file_digest(self.text)}
        first = run_stage(Stage("upper", self.version, {"suffix": self.suffix}, inputs, upper), self.run, listener)
        second = run_stage(Stage("count", 1, {"letter": self.letter}, first.outputs, count), self.run, listener)
        return [event.split(":")[0] for event in listener.events], second


@pytest.fixture
def stages(tmp_path: Path) -> TwoStages:
    text = tmp_path / "text"
    text.write_text("banana")
    stages = TwoStages(tmp_path / "run", text)
    assert stages()[0] == ["upper started", "count started"]
    return stages


def test_nothing_changed(stages: TwoStages) -> None:
    events, record = stages()
    assert events == ["upper reused", "count reused"]
    assert record.facts == {"n": 3}


def test_touching_is_not_changing(stages: TwoStages) -> None:
    for path in [stages.text, *stages.run.rglob("*")]:
        os.utime(path, (1, 1))
    assert stages()[0] == ["upper reused", "count reused"]


def test_a_byte_of_the_input(stages: TwoStages) -> None:
    before = stages.text.stat()
    stages.text.write_text("banane")
    os.utime(stages.text, ns=(before.st_atime_ns, before.st_mtime_ns))  # same size, same time
    events, record = stages()
    assert events == ["upper started", "count started"]
    assert record.facts == {"n": 2}


def test_a_later_stage_is_reused_when_an_earlier_one_gives_the_same(stages: TwoStages) -> None:
    stages.version = 2
    assert stages()[0] == ["upper started", "count reused"]


def test_an_option_reruns_only_what_depends_on_it(stages: TwoStages) -> None:
    stages.letter = "N"
    assert stages()[0] == ["upper reused", "count started"]
    stages.suffix = "?"
    assert stages()[0] == ["upper started", "count started"]


@pytest.mark.parametrize("damage", ["delete", "edit", "delete folder"])
def test_a_damaged_output(stages: TwoStages, damage: str) -> None:
    output = stages.run / "count" / "count"
    if damage == "edit":
        output.write_text("7")
    else:
        output.unlink()
    if damage == "delete folder":
        output.parent.rmdir()
    assert stages()[0] == ["upper reused", "count started"]
    assert output.read_text() == "3"


def test_a_damaged_record(stages: TwoStages) -> None:
    (stages.run / "stages" / "count.json").write_text('{"stage": ')
    assert stages()[0] == ["upper reused", "count started"]


def test_reason_names_what_changed(tmp_path: Path) -> None:
    listener = Listener()

    def work(directory: Path) -> Mapping[str, Any]:
        return {}

    for size in (1, 2):
        run_stage(Stage("s", 1, {"model": {"size": size, "kind": "x"}}, {}, work), tmp_path, listener)
    assert listener.events == ["s started: first time", "s started: model.size 1 → 2"]


def failing(directory: Path) -> Mapping[str, Any]:
    (directory / "half").write_text("half")
    raise RuntimeError("power cut")


def writing(text: str) -> Stage:
    def work(directory: Path) -> Mapping[str, Any]:
        assert list(directory.iterdir()) == []
        (directory / "whole").write_text(text)
        return {}

    return Stage("s", 1, {"text": text}, {}, work)


def test_a_failed_stage_is_not_done_and_its_files_are_not_seen(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError):
            run_stage(Stage("s", 1, {}, {}, failing), tmp_path, Silent())
        assert not (tmp_path / "s").exists()
    assert run_stage(writing("x"), tmp_path, Silent()).outputs.keys() == {"whole"}


def test_a_failed_stage_is_not_done_when_it_was_done_before(tmp_path: Path) -> None:
    run_stage(writing("x"), tmp_path, Silent())
    with pytest.raises(RuntimeError):
        run_stage(Stage("s", 1, {"text": "y"}, {}, failing), tmp_path, Silent())
    listener = Listener()
    run_stage(writing("y"), tmp_path, listener)
    assert listener.events == ["s started: first time"]


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from nmt.pipeline.reporter import Silent
    from nmt.pipeline.stage import Stage, run_stage

    def work(directory):
        (directory / "half").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)

    run_stage(Stage("s", 1, {}, {}, work, resumable=sys.argv[2] == "True"), Path(sys.argv[1]), Silent())
"""


@pytest.mark.parametrize("resumable", [False, True])
def test_kill_minus_9_in_the_middle_of_a_stage(tmp_path: Path, resumable: bool) -> None:
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path), str(resumable)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    found: list[str] = []

    def work(directory: Path) -> Mapping[str, Any]:
        found.extend(path.name for path in directory.iterdir())
        (directory / "whole").write_text("x")
        return {}

    listener = Listener()
    record = run_stage(Stage("s", 1, {}, {}, work, resumable=resumable), tmp_path, listener)
    assert "reused" not in listener.events[0]
    assert record.finished
    assert found == (["half"] if resumable else [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s", "stages"]


@dataclass
class Steps:
    """A resumable stage: counts up to `extent`, one file per step, and may be interrupted."""

    run: Path

    def __call__(self, rate: int, steps: int, stop: int = 1000) -> tuple[str, list[str]]:
        done: list[str] = []

        def work(directory: Path) -> Mapping[str, Any]:
            for step in range(steps):
                if step == stop:
                    raise KeyboardInterrupt
                if not (directory / str(step)).exists():
                    (directory / str(step)).write_text(str(rate))
                    done.append(str(step))
            return {}

        listener = Listener()
        stage = Stage("train", 1, {"rate": rate}, {}, work, extent={"steps": steps}, resumable=True)
        if stop < steps:
            with pytest.raises(KeyboardInterrupt):
                run_stage(stage, self.run, listener)
        else:
            run_stage(stage, self.run, listener)
        return listener.events[0], done


def test_a_resumable_stage_continues_extends_restarts(tmp_path: Path) -> None:
    train = Steps(tmp_path)
    assert train(1, 4, stop=2) == ("train started: first time", ["0", "1"])
    assert train(1, 4) == ("train started: it was interrupted; continuing", ["2", "3"])
    assert train(1, 4) == ("train reused", [])
    assert train(1, 6) == ("train started: steps 4 → 6; continuing", ["4", "5"])
    event, done = train(2, 7)
    assert len(done) == 7
    assert event.startswith("train started: rate 1 → 2, steps 6 → 7; starting anew")
    assert len(list((tmp_path / "train.previous").iterdir())) == 6
    event, done = train(2, 3)
    assert done == ["0", "1", "2"]
    assert event.startswith("train started: steps 7 → 3; starting anew")
    assert len(list((tmp_path / "train.previous").iterdir())) == 7


@pytest.mark.parametrize("steps", [3, 4])
def test_a_finished_resumable_stage_makes_a_damaged_output_again(tmp_path: Path, steps: int) -> None:
    train = Steps(tmp_path)
    train(1, 3)
    (tmp_path / "train" / "1").write_text("corrupt")
    (tmp_path / "train" / "2").unlink()
    event, done = train(1, steps)
    assert done == ["1", "2", "3"][: steps - 1]
    assert "continuing" in event
    assert train(1, steps)[0] == "train reused"


def test_files_that_are_no_outputs_may_go(tmp_path: Path) -> None:
    def work(directory: Path) -> Mapping[str, Any]:
        (directory / "final").write_text("x")
        (directory / "checkpoint").write_text("x")
        return {}

    listener = Listener()
    stage = Stage("train", 1, {}, {}, work, recorded="final")
    assert run_stage(stage, tmp_path, listener).outputs.keys() == {"final"}
    (tmp_path / "train" / "checkpoint").unlink()
    run_stage(stage, tmp_path, listener)
    assert listener.events == ["train started: first time", "train reused"]


def test_time_spent_before_an_interruption_counts(tmp_path: Path) -> None:
    Steps(tmp_path)(1, 4, stop=2)
    import json

    path = tmp_path / "stages" / "train.json"
    record = json.loads(path.read_text())
    assert not record["finished"]
    path.write_text(json.dumps({**record, "seconds": 1000.0}))
    Steps(tmp_path)(1, 4)
    assert json.loads(path.read_text())["seconds"] >= 1000.0


def test_outputs_that_may_change_must_only_exist(tmp_path: Path) -> None:
    def work(directory: Path) -> Mapping[str, Any]:
        (directory / "metadata.json").write_text("{}")
        return {}

    stage = Stage("model", 1, {}, {}, work, unhashed=frozenset({"metadata.json"}))
    listener = Listener()
    run_stage(stage, tmp_path, listener)
    (tmp_path / "model" / "metadata.json").write_text('{"scores": 1}')
    run_stage(stage, tmp_path, listener)
    (tmp_path / "model" / "metadata.json").unlink()
    run_stage(stage, tmp_path, listener)
    assert [event.split(":")[0] for event in listener.events] == ["model started", "model reused", "model started"]


def test_an_option_that_a_new_version_has_gained_is_no_change(tmp_path: Path) -> None:
    """At its default; with another value it is one."""
    listener = Listener()

    def work(directory: Path) -> Mapping[str, Any]:
        return {}

    def stage(**options: Any) -> Stage:
        return Stage("work", 1, options, {}, work, renewed=lambda recorded: {"gained": 0, **recorded})

    for options in ({"old": 1}, {"old": 1, "gained": 0}, {"old": 1, "gained": 2}):
        run_stage(stage(**options), tmp_path, listener)
    assert [event.split(":")[0] for event in listener.events] == ["work started", "work reused", "work started"]
