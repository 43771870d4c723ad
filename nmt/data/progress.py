"""Progress reports of long work on a corpus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

ItemT = TypeVar("ItemT")

ShowProgress = Callable[[int, int, str], None]
"""Called with the number of items done, the total (0 if unknown), and what the items are."""

_EVERY = 1000


def unseen(done: int, total: int, note: str) -> None:
    """Ignores progress."""


def watched(items: Iterable[ItemT], progress: ShowProgress, total: int, note: str) -> Iterator[ItemT]:
    """Passes the items through and reports progress after every thousandth.

    Args:
        items: items whose processing takes long.
        progress: called with the progress.
        total: number of items; 0 if unknown.
        note: what the items are.
    """
    for number, item in enumerate(items, start=1):
        yield item
        if number % _EVERY == 0:
            progress(number, total, note)
