"""How long a training will still take, its validations included."""

from __future__ import annotations

import time


class Pace:
    """Times updates and validations, as far as this process has seen any.

    Args:
        update: the updates that are done.
        updates: of the whole training.
        validate_every: updates between two validations.
    """

    _MEMORY = 50
    """Updates that the mean is about; the first ones are slower, and others may use the machine."""

    def __init__(self, update: int, updates: int, validate_every: int) -> None:
        self._updates, self._validate_every = updates, validate_every
        self._seconds, self._timed = 0.0, 0
        self._validation_seconds, self._validations = 0.0, 0
        self._update, self._since = update, time.monotonic()

    def updated(self, update: int) -> None:
        """One more is done."""
        seconds = self._lap()
        self._update, self._timed = update, min(self._timed + 1, self._MEMORY)
        self._seconds += (seconds - self._seconds) / self._timed

    def validated(self) -> None:
        """One more validation is done."""
        self._validations += 1
        self._validation_seconds += (self._lap() - self._validation_seconds) / self._validations

    def skip_time(self) -> None:
        """What passed since the last update was neither."""
        self._since = time.monotonic()

    def seconds_left(self, *, validating: bool = False) -> float | None:
        """Until the last update and the validation that follows it; None before there is an update to tell from.

        A validation counts once there was one, in this process.

        Args:
            validating: one is being done after this update.
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
