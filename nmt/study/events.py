"""Messages from the process of a run to the process of the study: one JSON object per line."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TextIO

from pydantic import TypeAdapter, ValidationError

_EVERY_SECONDS = 0.2
"""A training may report hundreds of times a second."""


@dataclass(frozen=True)
class Moved:
    """Progress of a run."""

    stage: str
    done: int = 0
    total: int = 0
    """0 if unknown."""
    note: str = ""
    seconds_left: float | None = None


@dataclass(frozen=True)
class Finished:
    """A run has finished."""

    references: Mapping[str, str] = field(default_factory=dict)
    """Path of the reference of each test set."""


@dataclass(frozen=True)
class Failed:
    """A run has failed."""

    why: str


Event = Moved | Finished | Failed
_KINDS: dict[str, TypeAdapter[Event]] = {kind.__name__: TypeAdapter(kind) for kind in (Moved, Finished, Failed)}


def written(event: Event) -> str:
    """The event as a line."""
    return json.dumps({"event": type(event).__name__, **asdict(event)}) + "\n"


def parsed(line: str) -> Event | None:
    """The event of a line; None for any other text, which a library may have printed."""
    try:
        found = json.loads(line)
        return _KINDS[found.pop("event")].validate_python(found)
    except (ValueError, KeyError, AttributeError, TypeError, ValidationError):
        return None


class EventReporter:
    """Sends the progress of a pipeline as events, and writes everything else to a log.

    Args:
        events: receives the events.
        log: receives a line for each event of the pipeline but progress.
    """

    def __init__(self, events: TextIO, log: TextIO) -> None:
        self._events, self._log, self._stage, self._sent = events, log, "", 0.0

    def stage_reused(self, stage: str, why: str) -> None:
        """One line of the log."""
        self._write(f"{stage}: reused ({why})")

    def stage_started(self, stage: str, why: str) -> None:
        """One line of the log, and an event."""
        self._stage = stage
        self._write(f"{stage}: {why}")
        self.send(Moved(stage))

    def stage_done(self, stage: str, seconds: float) -> None:
        """One line of the log."""
        self._write(f"{stage}: done in {seconds:.1f} s")

    def log(self, message: str) -> None:
        """One line of the log."""
        self._write(f"{self._stage}: {message}")

    def progress(self, done: int, total: int, note: str, seconds_left: float | None = None) -> None:
        """An event, a few times a second."""
        now = time.monotonic()
        if now - self._sent >= _EVERY_SECONDS:
            self._sent = now
            self.send(Moved(self._stage, done, total, note, seconds_left))

    def send(self, event: Event) -> None:
        """Sends an event."""
        self._events.write(written(event))
        self._events.flush()

    def _write(self, line: str) -> None:
        self._log.write(line + "\n")
        self._log.flush()
