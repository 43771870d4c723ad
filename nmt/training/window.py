"""Sums over the updates between two log lines."""

from __future__ import annotations

import math
import time

from nmt.training.checkpoint import Position
from nmt.training.log import Progress


class Window:
    """Adds up what one log line averages, and keeps the position's clock and token count.

    Args:
        position: where the training stands.
    """

    def __init__(self, position: Position) -> None:
        self._position = position
        self._loss = self._likelihood = self._norm = self._seconds = 0.0
        self._tokens = self._updates = 0
        self._since = time.perf_counter()

    def add(self, loss: float, likelihood: float, tokens: int, norm: float) -> None:
        """One update: sums over its target tokens, and the length of its gradient."""
        now = time.perf_counter()
        seconds, self._since = now - self._since, now
        self._position.seconds += seconds
        self._position.target_tokens += tokens
        self._seconds, self._tokens, self._updates = self._seconds + seconds, self._tokens + tokens, self._updates + 1
        self._loss, self._likelihood, self._norm = self._loss + loss, self._likelihood + likelihood, self._norm + norm

    def skip_time(self) -> None:
        """What passed since the last update was not training."""
        self._since = time.perf_counter()

    def progress(self, updates: int, learning_rate: float) -> Progress:
        """The log line.

        Args:
            updates: of the whole training.
            learning_rate: of the last update.
        """
        done, tokens, counted = self._position, max(self._tokens, 1), max(self._updates, 1)
        return Progress(
            update=done.update,
            epoch=done.epoch + 1,
            loss=self._loss / tokens,
            perplexity=math.exp(min(self._likelihood / tokens, 100.0)),
            learning_rate=learning_rate,
            gradient_norm=self._norm / counted,
            target_tokens=done.target_tokens,
            tokens_per_second=self._tokens / max(self._seconds, 1e-9),
            seconds_left=self._seconds / counted * (updates - done.update),
        )
