"""Which pairs make up each batch: an order that is a pure function of seed and epoch."""

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
    """Cuts every epoch into batches of about equal numbers of tokens and similar lengths.

    The pairs are shuffled, taken in pools, sorted by length inside their pool, cut into batches, and
    the batches of the pool are shuffled. Memory depends on the pool, not on the corpus.

    A batch obeys rows * max(longest source + 1, longest target + 1) <= batch_tokens, the 1 being EOS:
    what fairseq calls max-tokens. Pairs with a side longer than `max_length` ids, or than a batch, are
    in no epoch; every other pair is in each epoch exactly once.

    Args:
        store: the training pairs.
        batch_tokens: token budget of a batch, padding included.
        seed: of the order.
        max_length: longest side that is trained on, in ids without EOS.
        pool_pairs: pairs that are sorted together; more of them means less padding and more memory.

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
        """Pairs that are too long to be trained on."""
        store.release()
        if self.left_out == len(store):
            raise UserError(
                str(store.directory),
                f"training pairs of at most {self._longest} tokens a side",
                f"none among {len(store)}",
                "Raise max_length and batch_tokens, or check the corpus.",
            )

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Indices]:
        """The batches of one epoch, as arrays of pair numbers, from batch number `start` on."""
        for batches in self._pools(epoch):
            yield from batches[start:]
            start = max(0, start - len(batches))

    def batches(self, epoch: int) -> int:
        """How many batches this epoch has."""
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
        # Inside each length, from the longest sources to the longest targets and back again in the next,
        # so that neighbours resemble each other on both sides. Stable: equal pairs stay shuffled.
        lean = np.where(longest % 2 == 0, source - target, target - source)
        by_length = np.lexsort((lean, longest))
        pool, width = pool[by_length], longest[by_length] + 1
        batches, start = [], 0
        while start < len(pool):
            # Widths only grow, so the cost of the batch that ends at each next row is rows * its width.
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
