"""Something that moves on a terminal; plain lines everywhere else."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

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
