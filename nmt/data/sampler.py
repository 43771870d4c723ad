"""Composition and order of the training batches, a pure function of seed and epoch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from nmt.data.order import Permutation, derive_key, hash_numbers
from nmt.data.store import PairStore
from nmt.errors import UserError

Indices = npt.NDArray[np.int64]

_SCAN_PAIRS = 1 << 20


class BatchSampler:
    """Divides each epoch into batches of about equal token counts and similar lengths.

    The pairs are shuffled and taken in pools. Each pool is sorted by length and cut into batches, whose order is then
    shuffled. Memory depends on the size of the pool, not of the corpus.

    In each batch rows * max(longest source + 1, longest target + 1) <= batch_tokens, the 1 being EOS (fairseq's
    max-tokens). Pairs with a side longer than `max_length` ids, or too long for a batch, are left out; every other
    pair occurs exactly once per epoch.

    Args:
        store: the training pairs.
        batch_tokens: token budget of a batch, padding included.
        seed: seed of the order.
        max_length: longest side to train on, in ids without EOS.
        pool_pairs: pairs sorted together; more pairs mean less padding and more memory.

    Raises:
        UserError: no pair fits.
    """

    def __init__(
        self, store: PairStore, batch_tokens: int, seed: int, max_length: int, pool_pairs: int = 100_000
    ) -> None:
        self._store, self._batch_tokens, self._seed, self._pool_pairs = store, batch_tokens, seed, pool_pairs
        self._longest = min(max_length, batch_tokens - 1)
        self.left_out = sum(
            int(np.count_nonzero(self._too_long(*self._lengths(start)))) for start in range(0, len(store), _SCAN_PAIRS)
        )
        """Number of pairs that are too long to train on."""
        store.release()
        if self.left_out == len(store):
            raise UserError(
                str(store.directory),
                f"training pairs of at most {self._longest} tokens per side",
                f"none among {len(store)}",
                "Raise max_length and batch_tokens, or check the corpus.",
            )

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Indices]:
        """The batches of one epoch, as arrays of pair indices, starting with batch `start`."""
        for batches in self._pools(epoch):
            yield from batches[start:]
            start = max(0, start - len(batches))

    def batches(self, epoch: int) -> int:
        """Number of batches in this epoch."""
        return sum(map(len, self._pools(epoch)))

    def _pools(self, epoch: int) -> Iterator[list[Indices]]:
        order = Permutation(len(self._store), derive_key(self._seed, epoch))
        for number, start in enumerate(range(0, len(self._store), self._pool_pairs)):
            batches = self._cut(order(start, start + self._pool_pairs))
            self._store.release()
            ranks = hash_numbers(np.arange(len(batches), dtype=np.uint64), derive_key(self._seed, epoch, number))
            yield [batches[i] for i in np.argsort(ranks, kind="stable")]

    def _cut(self, pool: Indices) -> list[Indices]:
        """Sorts a pool by length and cuts it where the next pair would exceed the budget."""
        source, target = self._store.lengths_of(pool)
        keep = ~self._too_long(source, target)
        pool, source, target = pool[keep], source[keep], target[keep]
        longest = np.maximum(source, target)
        # Within each length, pairs go from the longest sources to the longest targets, and back in the next length,
        # so neighbours are similar on both sides. The sort is stable: equal pairs stay shuffled.
        lean = np.where(longest % 2 == 0, source - target, target - source)
        by_length = np.lexsort((lean, longest))
        pool, width = pool[by_length], longest[by_length] + 1
        batches, start = [], 0
        while start < len(pool):
            # Widths are ascending, so a batch that ends at a row costs its number of rows * the width of that row.
            most = self._batch_tokens // int(width[start])
            rows = np.arange(1, min(most, len(pool) - start) + 1)
            size = int(np.searchsorted(rows * width[start : start + len(rows)], self._batch_tokens, side="right"))
            batches.append(pool[start : start + size])
            start += size
        return batches

    def _lengths(self, start: int) -> tuple[Indices, Indices]:
        stop = start + _SCAN_PAIRS
        return self._store.source_lengths(start, stop), self._store.target_lengths(start, stop)

    def _too_long(self, source: Indices, target: Indices) -> npt.NDArray[np.bool_]:
        return np.asarray(np.maximum(source, target) > self._longest)
