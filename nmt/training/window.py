"""Sums over the updates between two log lines."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from nmt.training.checkpoint import Position, Sums
from nmt.training.distributed import World
from nmt.training.log import Progress
from nmt.training.statistics import Totals, add, means


class Window:
    """Adds up what a log line averages, and keeps the position's clock and token count.

    The sums are part of the position, so a line after a resumption is the line of an undisturbed training.

    Args:
        position: where the training stands.
        world: whose processes have a part each of what is averaged.
        micro_batches: of an update.
        refining: whether there are rewards.
    """

    def __init__(self, position: Position, world: World, micro_batches: int, *, refining: bool = False) -> None:
        self._position, self._world, self._refining = position, world, refining
        self._micro_batches = micro_batches
        if len(position.since_log.statistics) != micro_batches:  # a fresh position, or one from before there were any
            position.since_log.statistics = self._no_statistics()
        self._since = time.perf_counter()

    def _no_statistics(self) -> list[Totals]:
        return [{} for _ in range(self._micro_batches)]

    def observe(self, micro_batch: int, values: Mapping[str, float]) -> None:
        """What the model reported in one micro-batch that this process computed, of a skipped update too."""
        add(self._position.since_log.statistics[micro_batch], values)

    def gather(self) -> dict[str, float]:
        """Brings what the processes observed into the position of each, and averages it; to be called by all."""
        sums = self._position.since_log
        sums.statistics = self._world.gather(self._world.share(sums.statistics))
        return means(sums.statistics)

    def add(self, loss: float, likelihood: float, tokens: int, norm: float, units: int, reward: float) -> None:
        """One update: sums over its batch, target tokens, the length of its gradient, and `Objective.units`."""
        now = time.perf_counter()
        seconds, self._since = now - self._since, now
        self._position.seconds += seconds
        self._position.target_tokens += tokens
        sums = self._position.since_log
        sums.loss, sums.likelihood = sums.loss + loss, sums.likelihood + likelihood
        sums.gradient_norm, sums.seconds = sums.gradient_norm + norm, sums.seconds + seconds
        sums.tokens, sums.updates = sums.tokens + tokens, sums.updates + 1
        sums.units, sums.reward = sums.units + units, sums.reward + reward

    def skip_time(self) -> None:
        """What passed since the last update was not training."""
        self._since = time.perf_counter()

    def progress(self, updates: int, learning_rate: float) -> Progress:
        """The log line, for which all processes meet; the next one starts from nothing.

        Args:
            updates: of the whole training.
            learning_rate: of the last update.
        """
        done, sums = self._position, self._position.since_log
        statistics = self.gather()
        done.since_log = Sums(statistics=self._no_statistics())
        tokens, counted = max(sums.tokens, 1), max(sums.updates, 1)
        return Progress(
            update=done.update,
            epoch=done.epoch + 1,
            loss=sums.loss / max(sums.units, 1),
            perplexity=math.exp(min(sums.likelihood / tokens, 100.0)),
            learning_rate=learning_rate,
            gradient_norm=sums.gradient_norm / counted,
            target_tokens=done.target_tokens,
            tokens_per_second=sums.tokens / max(sums.seconds, 1e-9),
            seconds_left=sums.seconds / counted * (updates - done.update),
            reward=sums.reward / max(sums.units, 1) if self._refining else None,
            statistics=statistics,
        )
