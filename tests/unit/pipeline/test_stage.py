"""A stage runs when its content says so: not by time, and never on top of half-written outputs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from nmt.digest import file_digest
from nmt.pipeline.record import Record
from nmt.pipeline.reporter import Silent
from nmt.pipeline.stage import Stage, run_stage


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


@pytest.mark.parametrize(
    "content", ['{"stage": ', "null", "[]", '{"stage": "count", "version": 1, "options": null, "inputs": {}}', "\xff"]
)
def test_a_damaged_record(stages: TwoStages, content: str) -> None:
    (stages.run / "stages" / "count.json").write_text(content, encoding="latin-1")
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
    assert event.startswith(
        "train started: rate 1 → 2, steps 6 → 7; starting anew; the old train/ is kept in previous/"
    )
    (kept,) = (tmp_path / "previous").glob("train-*[0-9a-f]")
    assert len(list(kept.iterdir())) == 6


def test_what_went_further_than_is_asked_for_stays(tmp_path: Path) -> None:
    train = Steps(tmp_path)
    train(1, 5)
    assert train(1, 3) == ("train reused", [])
    assert train(1, 5) == ("train reused", [])
    assert train(1, 6)[1] == ["5"]
    train(2, 9, stop=4)
    event, done = train(2, 3)  # interrupted behind what is asked for now
    assert (event, done) == ("train started: it was interrupted; continuing", [])
    assert train(2, 3)[0] == "train reused"


def test_nothing_that_was_made_is_lost_and_all_is_found_again(tmp_path: Path) -> None:
    train = Steps(tmp_path)
    train(1, 3)
    train(2, 3, stop=1)
    assert train(1, 3) == ("train reused", [])
    event, done = train(2, 3)
    assert event.startswith("train started: back from previous/train-")
    assert event.endswith("; continuing")
    assert done == ["1", "2"]
    assert train(1, 4) == (f"train started: back from previous/{only(tmp_path)}/; continuing", ["3"])
    assert train(2, 3)[0] == "train reused"
    assert train(1, 4)[0] == "train reused"
    assert (tmp_path / "train" / "0").read_text() == "1"


def only(run: Path) -> str:
    """The name of the one work that is set aside, as it was before the last move."""
    (kept,) = (path.name for path in (run / "previous").iterdir() if path.is_dir())
    records = sorted((run / "previous").glob("*.json"))
    assert [path.stem for path in records] == [kept]
    from nmt.pipeline.record import read_record

    record = read_record(run / "stages" / "train.json")
    assert record is not None
    return f"train-{record.key}"


def test_work_whose_record_is_lost_is_kept_too(tmp_path: Path) -> None:
    train = Steps(tmp_path)
    for _ in range(2):
        train(1, 2)
        (tmp_path / "stages" / "train.json").unlink()
    train(1, 2)
    assert sorted(path.name for path in (tmp_path / "previous").iterdir()) == ["train-unrecorded", "train-unrecorded-2"]


KILLED_BETWEEN = """
    import os, signal, sys
    from pathlib import Path
    from nmt.pipeline.reporter import Silent
    from nmt.pipeline.stage import Stage, run_stage

    left = int(sys.argv[3])
    replace, unlink = Path.replace, Path.unlink

    def counted(original):
        def call(path, *arguments, **names):
            global left
            if "train" in path.name or "train" in str(arguments):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return original(path, *arguments, **names)
        return call

    Path.replace, Path.unlink = counted(replace), counted(unlink)

    def work(directory):
        if not (directory / "made").exists():
            (directory / "made").write_text(sys.argv[2])
        return {}

    run_stage(Stage("train", 1, {"rate": sys.argv[2]}, {}, work, resumable=True), Path(sys.argv[1]), Silent())
"""


@pytest.mark.parametrize("moves", range(8))
def test_killed_while_moving_it_loses_nothing(tmp_path: Path, moves: int) -> None:
    def run(rate: str, moves: int) -> int:
        command = [sys.executable, "-c", textwrap.dedent(KILLED_BETWEEN), str(tmp_path), rate, str(moves)]
        return subprocess.run(command, check=False).returncode

    assert [run(rate, 99) for rate in "ab"] == [0, 0]
    assert run("a", moves) in (0, -signal.SIGKILL)
    made = {path.read_text(): path.stat().st_ino for path in tmp_path.glob("**/made")}
    assert set(made) == {"a", "b"}
    for rate in "abab":
        assert run(rate, 99) == 0
        assert (tmp_path / "train" / "made").read_text() == rate
        assert (tmp_path / "train" / "made").stat().st_ino == made[rate], "it was made again"


def test_a_choice_is_made_again_and_the_work_is_not(tmp_path: Path) -> None:
    listener = Listener()

    def work(directory: Path) -> Mapping[str, Any]:
        (directory / "worked").write_text("x")
        return {}

    for choice in ("a", "a", "b"):
        stage = Stage("train", 1, {"rate": 1}, {}, work, choice={"best": choice}, resumable=True)
        run_stage(stage, tmp_path, listener)
    events = ["train started: first time", "train reused", "train started: best a → b; continuing"]
    assert listener.events == events


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

    def with_gained(record: Record) -> Record:
        return replace(record, options={"gained": 0, **record.options})

    def stage(**options: Any) -> Stage:
        return Stage("work", 1, options, {}, work, renewed=with_gained)

    for options in ({"old": 1}, {"old": 1, "gained": 0}, {"old": 1, "gained": 2}):
        run_stage(stage(**options), tmp_path, listener)
    assert [event.split(":")[0] for event in listener.events] == ["work started", "work reused", "work started"]
