"""Events of a pipeline for the person watching; the command line displays them, tests record them."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Receives the events of a run in order."""

    def stage_reused(self, stage: str, why: str) -> None:
        """The stage reuses the outputs of an earlier run."""

    def stage_started(self, stage: str, why: str) -> None:
        """The stage is about to start, for the given reason."""

    def stage_done(self, stage: str, seconds: float) -> None:
        """The stage has finished."""

    def log(self, message: str) -> None:
        """One line about the running stage."""

    def progress(self, done: int, total: int, note: str, seconds_left: float | None = None) -> None:
        """Progress of the running stage; may be called often.

        Args:
            done: amount done so far.
            total: total amount; 0 if unknown.
            note: further information.
            seconds_left: time until the end; None: estimated from the speed so far.
        """


class Silent:
    """A reporter without output: for tests, and for all but the first process of a distributed run."""

    def stage_reused(self, stage: str, why: str) -> None:
        """Does nothing."""

    def stage_started(self, stage: str, why: str) -> None:
        """Does nothing."""

    def stage_done(self, stage: str, seconds: float) -> None:
        """Does nothing."""

    def log(self, message: str) -> None:
        """Does nothing."""

    def progress(self, done: int, total: int, note: str, seconds_left: float | None = None) -> None:
        """Does nothing."""


def duration(seconds: float) -> str:
    """A readable duration: 0.4 s, 3 min 05 s, 2 h 10 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
