"""A line at the foot of a terminal that moves while something works, and says how much is done and when it will end."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from nmt.pipeline.reporter import duration

_NAME_WIDTH = 10
_WIDE = 90
"""Columns from which there is room for all; what is narrower has a shorter bar, and the note gives way first."""


class Pace:
    """The time that work will still take, from how fast it has gone since the first report of it."""

    def __init__(self) -> None:
        self._start, self._first, self._last = 0.0, 0, math.inf

    def seconds_left(self, done: int, total: int) -> float | None:
        """None while there is nothing to tell from.

        Args:
            done: so far; less than at the last call where other work has begun.
            total: of how much; 0: not known.
        """
        now = time.monotonic()
        if done < self._last:  # at first, too
            self._start, self._first = now, done
        self._last = done
        if done <= self._first or total < done:
            return None
        return (now - self._start) / (done - self._first) * (total - done)


class Bar:
    """A spinner, which becomes a bar once it is told how much there is to do; `close` takes it away.

    Args:
        console: a terminal.
        name: of the work.
    """

    def __init__(self, console: Console, name: str) -> None:
        wide = console.width >= _WIDE
        whole, rest = Column(no_wrap=True), Column(no_wrap=True, overflow="ellipsis", ratio=1)
        self._progress = _NarrowProgress(
            _Spinner("dots" if console.encoding.startswith("utf") else "line"),
            TextColumn(f"{name:<{_NAME_WIDTH if wide else 0}}", style="bold", markup=False, table_column=whole),
            BarColumn(bar_width=30 if wide else 8),
            _Share(table_column=whole),
            _Time(table_column=whole),
            TextColumn("{task.fields[note]}", markup=False, table_column=rest),
            console=console,
            transient=True,
            refresh_per_second=4,
            expand=True,
        )
        self._task = self._progress.add_task(name, total=None, note="", ends=None)
        self._progress.start()

    def show(self, done: int, total: int, note: str, seconds_left: float | None) -> None:
        """Moves it.

        Args:
            done: so far.
            total: of how much; 0: not known.
            note: what else there is to say.
            seconds_left: until the end, as far as anybody can say.
        """
        ends = None if seconds_left is None else time.monotonic() + seconds_left
        self._progress.update(self._task, completed=done, total=total or None, note=note, ends=ends)

    def close(self) -> None:
        """Takes it away."""
        self._progress.stop()


class _NarrowProgress(Progress):
    """Leaves room at the right edge for the ^C that a terminal shows: it would begin a line, and leave this one."""

    def get_renderable(self) -> RenderableType:
        return _Narrower(super().get_renderable())


@dataclass(frozen=True)
class _Narrower:
    shown: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return console.render(self.shown, options.update_width(max(options.max_width - len("^C "), 1)))


class _Spinner(SpinnerColumn):
    """One that turns to the end: after the last update comes a validation."""

    def render(self, task: Task) -> RenderableType:
        return self.spinner.render(task.get_time())


class _Share(ProgressColumn):
    """`30 % 1200/4000`; where nobody knows of how much, `1200`; nothing before the first."""

    def render(self, task: Task) -> Text:
        done = int(task.completed)
        if task.total is None:
            return Text(f"{done}" if done else "")
        return Text(f"{task.percentage:.0f} % {done}/{int(task.total)}", "green")


class _Time(ProgressColumn):
    """`3 min 05 s left`, counting down between two reports; how long it has taken, as long as no end is in sight."""

    max_refresh = 0.25

    def render(self, task: Task) -> Text:
        ends = task.fields["ends"]
        if ends is None:
            return Text(duration(task.elapsed or 0.0), "dim")
        return Text(f"{duration(max(ends - time.monotonic(), 0.0))} left", "cyan")
