"""Translates the trainer's events into events of the pipeline."""

from __future__ import annotations

from collections.abc import Mapping

from nmt.data.clean import Unit
from nmt.evaluation.measures import worded
from nmt.pipeline.reporter import Reporter
from nmt.training.log import WEIGHTS, Moved, Progress, Started, Validated


class TrainingReporter:
    """Passes the trainer's events on as progress and log lines.

    Args:
        reporter: receives them.
        updates: total updates of the training.
        unit: unit in which the training text is counted.
    """

    def __init__(self, reporter: Reporter, updates: int, unit: Unit = "pairs") -> None:
        self._reporter, self._updates, self._unit, self._note = reporter, updates, unit, ""

    def started(self, event: Started) -> None:
        """One line about the size of the task, and one each about pairs left out and earlier updates, if any."""
        processes = "1 process" if event.processes == 1 else f"{event.processes} processes"
        frozen = f" ({event.frozen:,} frozen)" if event.frozen else ""
        self._reporter.log(
            f"{event.parameters:,} parameters{frozen}, {event.pairs:,} {self._unit}, {processes} on {event.device}"
        )
        if event.left_out:
            self._reporter.log(f"{event.left_out:,} {self._unit} left out: longer than training.max_length")
        if event.update:
            self._reporter.log(f"resuming after update {event.update}")

    def moved(self, event: Moved) -> None:
        """Updates the progress."""
        note = self._note if event.validated is None else f"validating, {event.validated:.0%}"
        self._reporter.progress(event.update, self._updates, note, event.seconds_left)

    def progress(self, event: Progress) -> None:
        """Sets the note shown with the progress from now on."""
        figures = "".join(f"  {name} {value:.3f}" for name, value in event.figures.items())
        self._note = f"loss {event.loss:.3f}{figures}  {event.tokens_per_second:,.0f} tokens/s"

    def validated(self, event: Validated) -> None:
        """One line per validation, and one with the model's own statistics, if any."""
        what = f"update {event.update}" if event.what == WEIGHTS else f"{event.what} weights"
        best = "  best so far" if event.best else ""
        self._reporter.log(f"{what}: validation {worded({'perplexity': event.perplexity, **event.measures})}{best}")
        if event.statistics:
            self._reporter.log(f"{what}: {_worded(event.statistics)}")

    def note(self, update: int, message: str) -> None:
        """One line."""
        self._reporter.log(f"update {update}: {message}")


def _worded(statistics: Mapping[str, float]) -> str:
    """`encoder iterations 9.8, residual 0.031; decoder iterations 7.2`: a repeated first word is written once."""
    words, before = "", ""
    for name, value in statistics.items():
        first, _, rest = name.replace("_", " ").partition(" ")
        again = bool(rest) and first == before
        words += ("" if not words else ", " if again else "; ") + (rest if again else f"{first} {rest}".rstrip())
        words += f" {value:.0f}" if value >= 10 else f" {value:.2g}"
        before = first
    return words
