"""How long work on a corpus says where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

ItemT = TypeVar("ItemT")

ShowProgress = Callable[[int, int, str], None]
"""Told how much is done, of how much (0: not known), and what it is."""

_EVERY = 1000


def unseen(done: int, total: int, note: str) -> None:
    """Shows no progress."""


def watched(items: Iterable[ItemT], progress: ShowProgress, total: int, note: str) -> Iterator[ItemT]:
    """The same items, of which every thousandth is reported when it has been dealt with.

    Args:
        items: whatever takes long all together.
        progress: told of it.
        total: how many there are; 0: not known.
        note: what they are.
    """
    for number, item in enumerate(items, start=1):
        yield item
        if number % _EVERY == 0:
            progress(number, total, note)
