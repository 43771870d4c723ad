"""Something that moves on a terminal; plain lines everywhere else."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from nmt.cli.bar import Pace
from nmt.cli.console import LineReporter, LiveReporter, reporting
from nmt.pipeline.reporter import Reporter, duration


def events(reporter: Reporter) -> None:
    reporter.stage_reused("prepare", "same options and inputs, 9 files unchanged")
    reporter.stage_started("train", "first time")
    reporter.log("[bold]text in brackets[/bold] stays as it is :smile:")
    for update in range(1, 4):
        reporter.progress(update, 3, "loss 2.500  9,000 tokens/s", 1.0)
    reporter.stage_done("train", 75.0)


def test_a_file_gets_plain_lines() -> None:
    file = io.StringIO()
    with reporting(Console(file=file, markup=False, emoji=False, highlight=False)) as reporter:
        events(reporter)
    assert file.getvalue().splitlines() == [
        "prepare    reused (same options and inputs, 9 files unchanged)",
        "train      … (first time)",
        "train      [bold]text in brackets[/bold] stays as it is :smile:",
        "train      done in 1 min 15 s",
    ]


def test_progress_in_a_file_comes_now_and_then() -> None:
    file = io.StringIO()
    events(LineReporter(Console(file=file, markup=False), every_seconds=0.0))
    assert file.getvalue().count("/3  loss 2.500  9,000 tokens/s  1.0 s left\n") == 3


def test_a_long_line_is_not_broken() -> None:
    file = io.StringIO()
    LineReporter(Console(file=file, width=40, markup=False)).log("word " * 50 + "end")
    assert file.getvalue().count("\n") == 1


def test_a_terminal_gets_a_bar_that_goes_away() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, markup=False, emoji=False, width=120, _environ={"TERM": "xterm"})
    with reporting(console) as reporter:
        assert isinstance(reporter, LiveReporter)
        events(reporter)
    assert "loss 2.500" in file.getvalue()
    assert "\x1b[?25h" in file.getvalue()  # the cursor is back
    assert "text in brackets" in file.getvalue()


def test_the_bar_goes_away_when_the_stage_fails() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=120, _environ={"TERM": "xterm"})
    with pytest.raises(RuntimeError), reporting(console) as reporter:
        reporter.stage_started("train", "")
        reporter.progress(1, 3, "")
        raise RuntimeError
    assert "\x1b[?25h" in file.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.9, "59.9 s"),
        (60, "1 min 00 s"),
        (185.4, "3 min 05 s"),
        (3600, "1 h 00 min"),
        (7810, "2 h 10 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def screens(width: int, environment: dict[str, str]) -> str:
    """What a terminal of this width is sent while a stage works."""
    file = io.StringIO()
    console = Console(
        file=file, force_terminal=True, width=width, markup=False, _environ={"TERM": "xterm", **environment}
    )
    with reporting(console) as reporter:
        reporter.stage_started("train", "first time")
        reporter.log("update 400: validation perplexity 12.31  BLEU 40.12  best so far, and words that fill a line")
        for update in range(1000, 1004):
            reporter.progress(update, 4000, "loss 2.310  9,000 tokens/s", 7810.0)
            time.sleep(0.3)
        reporter.stage_done("train", 75.0)
    return file.getvalue()


@pytest.mark.parametrize("width", [40, 60, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screens(width, {})))
    assert max(map(len, lines)) <= width
    shown = [line for line in lines if "25 % 1000/4000" in line]
    assert shown
    assert width < 60 or all("2 h 10 min left" in line for line in shown)
    assert width < 120 or all("9,000 tokens/s" in line for line in shown)
    assert not any(line.startswith(" ") and line.strip() and not line.startswith(" " * 11) for line in lines[:3])


def test_no_color_means_none() -> None:
    colours = re.compile(r"\x1b\[[0-9;]*3[0-7]m")
    assert colours.search(screens(80, {}))
    assert not colours.search(screens(80, {"NO_COLOR": "1"}))


def test_work_that_cannot_say_how_much_it_is_moves_too() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, _environ={"TERM": "xterm"})
    with reporting(console) as reporter:
        reporter.stage_started("prepare", "")
        reporter.progress(3000, 0, "pairs of train.en")
        time.sleep(0.3)
        reporter.stage_done("prepare", 1.0)
    assert "3000" in file.getvalue()
    assert "pairs of train.en" in file.getvalue()
    assert "left" not in file.getvalue()


def test_the_time_remaining_is_told_from_the_speed_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    pace = Pace()
    assert pace.seconds_left(10, 100) is None
    now[0] += 20.0
    assert pace.seconds_left(20, 100) == pytest.approx(160.0)
    assert pace.seconds_left(5, 100) is None  # another file
    now[0] += 1.0
    assert pace.seconds_left(6, 0) is None  # nobody knows of how much
    now[0] += 1000.0
    assert pace.seconds_left(90, 100) == pytest.approx(10 * 1001 / 85)
    assert pace.seconds_left(5, 100) is None  # another one, which begins where the last began
    now[0] += 2.0
    assert pace.seconds_left(6, 100) == pytest.approx(2.0 * 94)
