"""A progress line at the bottom of a terminal, with the amount done and the time remaining."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from nmt.pipeline.reporter import duration

_NAME_WIDTH = 10
_WIDE = 90
"""Terminal columns needed to show everything. Narrower terminals get a shorter bar, and the note is cut first."""


class Pace:
    """Estimates the time remaining from the speed since the first report."""

    def __init__(self) -> None:
        self._start, self._first, self._last = 0.0, 0, math.inf

    def seconds_left(self, done: int, total: int) -> float | None:
        """The time remaining; None while it cannot be estimated.

        Args:
            done: amount done so far; less than in the last call means that new work has begun.
            total: total amount; 0 if unknown.
        """
        now = time.monotonic()
        if done < self._last:  # also true in the first call
            self._start, self._first = now, done
        self._last = done
        if done <= self._first or total < done:
            return None
        return (now - self._start) / (done - self._first) * (total - done)


class Bars:
    """Several progress lines; each is a spinner that becomes a bar once its total amount is known.

    Args:
        console: a terminal.
    """

    def __init__(self, console: Console) -> None:
        wide = console.width >= _WIDE
        whole, rest = Column(no_wrap=True), Column(no_wrap=True, overflow="ellipsis", ratio=1)
        self._name_width = _NAME_WIDTH if wide else 0
        self._progress = _NarrowProgress(
            _Spinner("dots" if console.encoding.startswith("utf") else "line"),
            TextColumn("{task.description}", style="bold", markup=False, table_column=whole),
            BarColumn(bar_width=30 if wide else 8),
            _Share(table_column=whole),
            _Time(table_column=whole),
            TextColumn("{task.fields[note]}", markup=False, table_column=rest),
            console=console,
            transient=True,
            refresh_per_second=4,
            expand=True,
        )
        self._progress.start()

    def add(self, name: str) -> TaskID:
        """A new line at the bottom, with the name of its work."""
        return self._progress.add_task(f"{name:<{self._name_width}}", total=None, note="", ends=None)

    def show(self, line: TaskID, done: int, total: int, note: str, seconds_left: float | None) -> None:
        """Updates a line.

        Args:
            line: as `add` returned it.
            done: amount done so far.
            total: total amount; 0 if unknown.
            note: further information.
            seconds_left: estimated time until the end; None if unknown.
        """
        ends = None if seconds_left is None else time.monotonic() + seconds_left
        self._progress.update(line, completed=done, total=total or None, note=note, ends=ends)

    def remove(self, line: TaskID) -> None:
        """Removes a line."""
        self._progress.remove_task(line)

    def close(self) -> None:
        """Removes all lines."""
        self._progress.stop()


class Bar:
    """A single progress line; `close` removes it.

    Args:
        console: a terminal.
        name: name of the work.
    """

    def __init__(self, console: Console, name: str) -> None:
        self._bars = Bars(console)
        self._line = self._bars.add(name)

    def show(self, done: int, total: int, note: str, seconds_left: float | None) -> None:
        """Updates the line; see `Bars.show`."""
        self._bars.show(self._line, done, total, note, seconds_left)

    def close(self) -> None:
        """Removes the line."""
        self._bars.close()


class _NarrowProgress(Progress):
    """Leaves room at the right edge for the terminal's ^C, which would otherwise wrap and leave this line behind."""

    def get_renderable(self) -> RenderableType:
        return _Narrower(super().get_renderable())


@dataclass(frozen=True)
class _Narrower:
    shown: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return console.render(self.shown, options.update_width(max(options.max_width - len("^C "), 1)))


class _Spinner(SpinnerColumn):
    """A spinner that keeps turning at 100 %, because a validation follows the last update."""

    def render(self, task: Task) -> RenderableType:
        return self.spinner.render(task.get_time())


class _Share(ProgressColumn):
    """`30 % 1200/4000`, or `1200` if the total is unknown; empty before the first item."""

    def render(self, task: Task) -> Text:
        done = int(task.completed)
        if task.total is None:
            return Text(f"{done}" if done else "")
        return Text(f"{task.percentage:.0f} % {done}/{int(task.total)}", "green")


class _Time(ProgressColumn):
    """`3 min 05 s left`, counting down between reports; the elapsed time while there is no estimate."""

    max_refresh = 0.25

    def render(self, task: Task) -> Text:
        ends = task.fields["ends"]
        if ends is None:
            return Text(duration(task.elapsed or 0.0), "dim")
        return Text(f"{duration(max(ends - time.monotonic(), 0.0))} left", "cyan")
