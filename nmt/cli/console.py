"""Output of a running command: a live display on a terminal, plain lines in a file.

Files and pipes receive only text: no colours, no carriage returns, no cursor movements.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from nmt.cli.bar import Bar, Pace
from nmt.pipeline.reporter import Reporter, duration

_FILE_WIDTH = 140
_LINE_EVERY_SECONDS = 10.0
_NAME_WIDTH = 10


def stdout_console() -> Console:
    """The console for a command's results: tables, reports."""
    return _console(stderr=False)


def stderr_console() -> Console:
    """The console for messages of a command whose standard output is data."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = _Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = _FILE_WIDTH  # rich would assume 80 columns and cut tables
    elif console.is_dumb_terminal:
        console.width = shutil.get_terminal_size().columns  # rich would assume 80 columns here too
    return console


class _Console(Console):
    """A console that passes a broken pipe on to the command; rich's console would exit with status 1."""

    def on_broken_pipe(self) -> None:
        raise


def is_live(console: Console) -> bool:
    """Whether the console can show a live display."""
    return console.is_terminal and not console.is_dumb_terminal


@contextmanager
def reporting(console: Console) -> Iterator[Reporter]:
    """A reporter that draws on the console during the block, and always cleans up at its end."""
    if not is_live(console):
        yield LineReporter(console)
        return
    reporter = LiveReporter(console)
    try:
        yield reporter
    finally:
        reporter.close()


class LineReporter:
    """Events as lines; progress as one line every ten seconds."""

    def __init__(self, console: Console, every_seconds: float = _LINE_EVERY_SECONDS) -> None:
        self._console, self._every, self._shown, self._stage = console, every_seconds, 0.0, ""
        self._pace = Pace()

    def stage_reused(self, stage: str, why: str) -> None:
        """`prepare    reused (…)`."""
        self._line(stage, f"reused ({why})", "green")

    def stage_started(self, stage: str, why: str) -> None:
        """`prepare    … (first time)`."""
        self._stage, self._shown, self._pace = stage, time.monotonic(), Pace()
        self._line(stage, f"… ({why})" if why else "…", "cyan")

    def stage_done(self, stage: str, seconds: float) -> None:
        """`prepare    done in 3.1 s`."""
        self._line(stage, f"done in {duration(seconds)}", "green")

    def log(self, message: str) -> None:
        """The message, under the stage's name."""
        for line in message.splitlines():
            self._line(self._stage, line, "")

    def progress(self, done: int, total: int, note: str, seconds_left: float | None = None) -> None:
        """`train      1200/4000  loss 2.31  3 min 05 s left`."""
        left = self._pace.seconds_left(done, total) if seconds_left is None else seconds_left
        self._moved(done, total, note, left)

    def _moved(self, done: int, total: int, note: str, seconds_left: float | None) -> None:
        now = time.monotonic()
        if now - self._shown >= self._every:
            self._shown = now
            left = "" if seconds_left is None else f"{duration(seconds_left)} left"
            share = f"{done}/{total}" if total else f"{done}"
            self._line(self._stage, "  ".join(part for part in (share, note, left) if part), "")

    def _line(self, stage: str, text: str, style: str) -> None:
        if self._console.is_terminal:  # a terminal would break lines within words
            line = Table.grid(Column(min_width=_NAME_WIDTH, no_wrap=True), Column(), padding=(0, 1, 0, 0))
            line.add_row(Text(stage, "bold"), Text(text, style))
            self._console.print(line)
        else:
            self._console.print(f"{stage:<{_NAME_WIDTH}} {text}", soft_wrap=True)


class LiveReporter(LineReporter):
    """Events as lines above a live progress line."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._bar: Bar | None = None

    def stage_started(self, stage: str, why: str) -> None:
        """A line with a spinner below it, which becomes a bar at the first progress report."""
        self.close()
        super().stage_started(stage, why)
        self._bar = Bar(self._console, stage)

    def stage_done(self, stage: str, seconds: float) -> None:
        """A line that replaces the bar."""
        self.close()
        super().stage_done(stage, seconds)

    def close(self) -> None:
        """Removes the bar."""
        if self._bar is not None:
            self._bar.close()
        self._bar = None

    def _moved(self, done: int, total: int, note: str, seconds_left: float | None) -> None:
        if self._bar is not None:
            self._bar.show(done, total, note, seconds_left)
