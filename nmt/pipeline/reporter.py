"""What a pipeline tells the person who watches; the command line draws it, tests record it."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Receives the events of a run in order."""

    def stage_reused(self, stage: str, why: str) -> None:
        """The stage's outputs are those of an earlier run."""

    def stage_started(self, stage: str, why: str) -> None:
        """The stage is about to work, for this reason."""

    def stage_done(self, stage: str, seconds: float) -> None:
        """The stage has finished."""

    def log(self, message: str) -> None:
        """One line about the stage that is at work."""

    def progress(self, done: int, total: int, note: str, seconds_left: float | None = None) -> None:
        """Where the stage that is at work stands; may be called often.

        Args:
            done: so far.
            total: of how much; 0: not known.
            note: what else there is to say.
            seconds_left: until the end; None: as the speed so far has it.
        """


class Silent:
    """A reporter that says nothing: for tests, and for all processes but the first of a distributed run."""

    def stage_reused(self, stage: str, why: str) -> None:
        """Says nothing."""

    def stage_started(self, stage: str, why: str) -> None:
        """Says nothing."""

    def stage_done(self, stage: str, seconds: float) -> None:
        """Says nothing."""

    def log(self, message: str) -> None:
        """Says nothing."""

    def progress(self, done: int, total: int, note: str, seconds_left: float | None = None) -> None:
        """Says nothing."""


def duration(seconds: float) -> str:
    """A time as people say it: 0.4 s, 3 min 05 s, 2 h 10 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
