"""Finds repeated rows of a text, in memory that does not grow with the corpus."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

_PARTITIONS = 256
_BUFFERED_ROWS = 1 << 14
_READ_BYTES = 1 << 16
_DIGEST_BYTES = 16  # 128 bits: no two different rows of any real corpus collide

_RECORD = np.dtype([("high", "<u8"), ("low", "<u8"), ("row", "<i8")])


def row_digest(*row: str, key: bytes = b"") -> bytes:
    """16-byte digest of a row, one line or a pair, without line feeds; a different key gives different digests."""
    # 0x0A occurs in UTF-8 only as a line feed, so the joined bytes identify the row.
    return hashlib.blake2b("\n".join(row).encode(), digest_size=_DIGEST_BYTES, key=key).digest()


class DuplicateFinder:
    """Finds the rows of a sequence that repeat an earlier one; all rows have the same number of lines.

    The digest of each row goes to one of 256 files by its first byte, so equal rows end up in the same
    file. The files are then sorted in memory one at a time (24 bytes per row / 256).

    Args:
        directory: an empty scratch folder, which the caller removes.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stack = ExitStack()
        self._partitions = [
            self._stack.enter_context((directory / f"digests.{number}").open("w+b", buffering=0))
            for number in range(_PARTITIONS)
        ]
        self._pending = bytearray()
        self._rows = self._flushed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, *row: str) -> None:
        """Adds the next row; its lines contain no line feed."""
        self._pending += row_digest(*row)
        self._rows += 1
        if self._rows - self._flushed == _BUFFERED_ROWS:
            self._flush()

    def repeats(self) -> Iterator[bool]:
        """For each added row, in order: whether it repeats an earlier one."""
        self._flush()
        if not self._rows:
            return
        path = self._directory / "repeats"
        marks = np.memmap(path, dtype=np.uint8, mode="w+", shape=(self._rows,))
        for partition in self._partitions:
            partition.seek(0)
            records = np.frombuffer(partition.read(), dtype=_RECORD)
            records = records[np.lexsort((records["row"], records["low"], records["high"]))]
            later, earlier = records[1:], records[:-1]
            same = (later["high"] == earlier["high"]) & (later["low"] == earlier["low"])
            marks[later["row"][same]] = 1
        marks.flush()
        del marks
        with path.open("rb") as handle:
            while block := handle.read(_READ_BYTES):
                yield from (mark == 1 for mark in block)

    def _flush(self) -> None:
        records = np.empty(self._rows - self._flushed, dtype=_RECORD)
        digests = np.frombuffer(bytes(self._pending), dtype="<u8").reshape(-1, 2)
        records["high"], records["low"] = digests[:, 0], digests[:, 1]
        records["row"] = np.arange(self._flushed, self._rows)
        partition = (records["high"] & np.uint64(_PARTITIONS - 1)).astype(np.int64)
        by_partition = np.argsort(partition, kind="stable")
        ends = np.searchsorted(partition[by_partition], np.arange(1, _PARTITIONS + 1))
        for number, part in enumerate(np.split(records[by_partition], ends[:-1])):
            if len(part):
                self._partitions[number].write(part.tobytes())
        self._pending.clear()
        self._flushed = self._rows
