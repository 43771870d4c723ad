"""Progress of a study: bars of the runs at work on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import fmean
from typing import TYPE_CHECKING

from rich.console import Console

from nmt.cli.bar import Bars
from nmt.cli.console import is_live
from nmt.pipeline.reporter import duration
from nmt.study.events import Failed, Finished, Moved
from nmt.study.plan import Cell

if TYPE_CHECKING:
    from rich.progress import TaskID

_LINE_EVERY_SECONDS = 10.0
_LONGEST_NAME = 40


@contextmanager
def watching(console: Console, runs: int, jobs: int) -> Iterator[LineWatcher]:
    """A watcher that writes on the console during the block.

    Args:
        console: standard output.
        runs: number of runs of the study.
        jobs: number of runs at the same time.
    """
    if not is_live(console):
        yield LineWatcher(console)
        return
    watcher = LiveWatcher(console, runs, jobs)
    try:
        yield watcher
    finally:
        watcher.close()


class LineWatcher:
    """Events as lines; the progress of each run every ten seconds."""

    def __init__(self, console: Console, every_seconds: float = _LINE_EVERY_SECONDS) -> None:
        self._console, self._every = console, every_seconds
        self._share: dict[str, str] = {}
        self._shown: dict[str, float] = {}

    def reused(self, cell: Cell, number: int, total: int) -> None:
        """`[1/6] A, seed 1: reused (finished before, unchanged)`."""
        self._line(f"[{number}/{total}]", cell, "reused (finished before, unchanged)", "green")

    def started(self, cell: Cell, number: int, total: int) -> None:
        """`[1/6] A, seed 1: …`."""
        self._share[cell.recipe.name] = f"[{number}/{total}]"
        self._shown[cell.recipe.name] = time.monotonic()
        self._line(f"[{number}/{total}]", cell, "…", "cyan")

    def moved(self, cell: Cell, event: Moved) -> None:
        """`[1/6] A, seed 1: train  1200/4000  loss 2.31  3 min 05 s left`."""
        now = time.monotonic()
        if event.done and now - self._shown.get(cell.recipe.name, 0.0) >= self._every:
            self._shown[cell.recipe.name] = now
            done = f"{event.done}/{event.total}" if event.total else f"{event.done}"
            left = "" if event.seconds_left is None else f"{duration(event.seconds_left)} left"
            words = "  ".join(part for part in (event.stage, done, event.note, left) if part)
            self._line(self._share.get(cell.recipe.name, ""), cell, words, "")

    def ended(self, cell: Cell, outcome: Finished | Failed, seconds: float) -> None:
        """`[1/6] A, seed 1: done in 3 min 05 s`, or the reason of a failure."""
        if isinstance(outcome, Failed):
            self._line(self._share[cell.recipe.name], cell, f"failed: {outcome.why}", "red")
        else:
            self._line(self._share[cell.recipe.name], cell, f"done in {duration(seconds)}", "green")

    def tested(self, system: str) -> None:
        """`A: comparing the translations with the baseline's`."""
        self._console.print(f"{system}: comparing the translations with the baseline's", soft_wrap=True)

    def _line(self, share: str, cell: Cell, words: str, style: str) -> None:
        self._console.print(f"{share} {cell}: {words}".strip(), style=style, soft_wrap=not self._console.is_terminal)


class LiveWatcher(LineWatcher):
    """Events as lines, above a bar for the study and one for each run at work."""

    def __init__(self, console: Console, runs: int, jobs: int) -> None:
        super().__init__(console)
        self._runs, self._jobs, self._done = runs, jobs, 0
        self._seconds: list[float] = []
        self._bars = Bars(console)
        self._whole = self._bars.add("runs")
        self._of_runs: dict[str, TaskID] = {}

    def reused(self, cell: Cell, number: int, total: int) -> None:
        """A line; the study's bar moves."""
        super().reused(cell, number, total)
        self._count()

    def started(self, cell: Cell, number: int, total: int) -> None:
        """A new bar, without a line."""
        self._share[cell.recipe.name] = f"[{number}/{total}]"

    def moved(self, cell: Cell, event: Moved) -> None:
        """The run's bar moves."""
        name = cell.recipe.name
        if name not in self._of_runs:
            words = f"{self._share.get(name, '')} {cell}".strip()
            self._of_runs[name] = self._bars.add(words if len(words) <= _LONGEST_NAME else words[:39] + "…")
        note = f"{event.stage}  {event.note}"
        self._bars.show(self._of_runs[name], event.done, event.total, note, event.seconds_left)

    def ended(self, cell: Cell, outcome: Finished | Failed, seconds: float) -> None:
        """A line that replaces the bar."""
        if (line := self._of_runs.pop(cell.recipe.name, None)) is not None:
            self._bars.remove(line)
        super().ended(cell, outcome, seconds)
        self._seconds.append(seconds)
        self._count()

    def close(self) -> None:
        """Removes the bars."""
        self._bars.close()

    def _count(self) -> None:
        self._done += 1
        left = (self._runs - self._done) * fmean(self._seconds) / self._jobs if self._seconds else None
        self._bars.show(self._whole, self._done, self._runs, "", left)
