"""Estimate of a training's remaining time, validations included."""

from __future__ import annotations

import time


class Pace:
    """Times the updates and validations of this process.

    Args:
        update: number of updates done.
        updates: total number of updates.
        validate_every: number of updates between validations.
    """

    _MEMORY = 50
    """Approximate number of updates in the running mean; the first ones are slower, and the load may change."""

    def __init__(self, update: int, updates: int, validate_every: int) -> None:
        self._updates, self._validate_every = updates, validate_every
        self._seconds, self._timed = 0.0, 0
        self._validation_seconds, self._validations = 0.0, 0
        self._update, self._since = update, time.monotonic()

    def updated(self, update: int) -> None:
        """Counts a finished update."""
        seconds = self._lap()
        self._update, self._timed = update, min(self._timed + 1, self._MEMORY)
        self._seconds += (seconds - self._seconds) / self._timed

    def validated(self) -> None:
        """Counts a finished validation."""
        self._validations += 1
        self._validation_seconds += (self._lap() - self._validation_seconds) / self._validations

    def skip_time(self) -> None:
        """Excludes the time since the last update from both."""
        self._since = time.monotonic()

    def seconds_left(self, *, validating: bool = False) -> float | None:
        """Estimated time until the end of the last update and its validation; None before the first timed update.

        Validations are included once one has been timed in this process.

        Args:
            validating: whether the validation of this update is running.
        """
        if not self._timed:
            return None
        left = self._updates - self._update
        to_come = -(-self._updates // self._validate_every) - self._update // self._validate_every + int(validating)
        to_come = max(to_come, 0)
        current = time.monotonic() - self._since if validating and self._validations else 0.0
        whole = left * self._seconds + to_come * self._validation_seconds
        return max(whole - min(current, self._validation_seconds), 0.0)

    def _lap(self) -> float:
        before, self._since = self._since, time.monotonic()
        return self._since - before
