"""Sums over the updates between two log lines."""

from __future__ import annotations

import time
from collections.abc import Mapping

from nmt.training.distributed import World
from nmt.training.log import Progress
from nmt.training.position import Position, SinceLog
from nmt.training.statistics import Totals, means
from nmt.training.tally import Tally


class Window:
    """Times updates, sums the figures of a log line, and creates the line.

    The sums are part of the position, so a log line after resumption equals that of an uninterrupted training.

    Args:
        position: the position of the training.
        world: the processes, each of which has a part of the statistics.
        micro_batches: number of micro-batches in an update.
    """

    def __init__(self, position: Position, world: World, micro_batches: int) -> None:
        self._position, self._world, self._micro_batches = position, world, micro_batches
        if len(position.since_log.statistics) != micro_batches:  # a fresh position, or one of an earlier version
            position.since_log.statistics = self._no_statistics()
        self._since = time.perf_counter()

    def _no_statistics(self) -> list[Totals]:
        return [{} for _ in range(self._micro_batches)]

    def observe(self, micro_batch: int, values: Mapping[str, float]) -> None:
        """Adds the statistics of one micro-batch that this process computed, even if the update is skipped."""
        self._position.since_log.observe(micro_batch, values)

    def gather(self) -> dict[str, float]:
        """Collects the statistics of all processes in each one's position and averages them; all must call this."""
        sums = self._position.since_log
        sums.statistics = self._world.gather(self._world.share(sums.statistics))
        return means(sums.statistics)

    def add(self, tally: Tally, norm: float) -> None:
        """Counts one update: its tally and the norm of its gradient."""
        now = time.perf_counter()
        seconds, self._since = now - self._since, now
        self._position.spent.add(tally.tokens, seconds)
        self._position.since_log.add(tally, norm, seconds)

    def skip_time(self) -> None:
        """Excludes the time since the last update, which was not training."""
        self._since = time.perf_counter()

    def progress(self, updates: int, learning_rate: float) -> Progress:
        """The log line; resets the sums. All processes must call this.

        Args:
            updates: total number of updates.
            learning_rate: learning rate of the last update.
        """
        done, sums = self._position, self._position.since_log
        statistics = self.gather()
        done.since_log = SinceLog(statistics=self._no_statistics())
        tally, counted = sums.tally, max(sums.updates, 1)
        return Progress(
            update=done.update,
            epoch=done.epoch + 1,
            loss=tally.mean_loss(),
            perplexity=tally.perplexity(),
            learning_rate=learning_rate,
            gradient_norm=sums.gradient_norm / counted,
            target_tokens=done.spent.target_tokens,
            tokens_per_second=tally.tokens / max(sums.seconds, 1e-9),
            seconds_left=sums.seconds / counted * (updates - done.update),
            figures=tally.mean_figures(),
            statistics=statistics,
        )
