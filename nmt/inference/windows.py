"""Groups of lines that are translated together."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from nmt.text import is_blank

ItemT = TypeVar("ItemT")

WINDOW_LINES = 512
"""Enough to sort into batches of equal length, few enough to stream and to share among workers."""

GRACE_SECONDS = 0.02
"""How long a group waits for the next line; a person or a slow program takes longer."""


def windows(lines: Iterable[ItemT], size: int) -> Iterator[list[ItemT]]:
    """Consecutive groups of `size` lines; the last one may be shorter."""
    source = iter(lines)
    while group := list(islice(source, size)):
        yield group


def whole_documents(groups: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    """The lines of the groups, regrouped so that each group ends with the end of a document.

    A document ends with a blank line, or with the text. It is held in memory.
    """
    waiting: list[str] = []
    for group in groups:
        end = next((number for number in range(len(group), 0, -1) if is_blank(group[number - 1])), 0)
        if end:
            yield [*waiting, *group[:end]]
            waiting = []
        waiting += group[end:]
    if waiting:
        yield waiting


def arriving(lines: Iterable[str], size: int) -> Iterator[list[str]]:
    """Groups of the lines that have arrived, at most `size`: a single line does not wait for more.

    A line typed on a terminal, or sent by a program that waits for the answer, is a group of its own;
    a pipe that delivers faster than we translate gives full groups.

    Raises:
        Exceptions from reading the lines, after the lines before have been yielded.
    """
    # SimpleQueue waits in C: a signal handler that raises while Queue waits would leave its lock in a bad state.
    arrived: queue.SimpleQueue[str | BaseException | None] = queue.SimpleQueue()
    permits: queue.SimpleQueue[None] = queue.SimpleQueue()  # to read one more line each
    for _ in range(4 * size):
        permits.put(None)

    def read() -> None:
        try:
            for line in lines:
                permits.get()
                arrived.put(line)
            arrived.put(None)
        except BaseException as error:  # passed on to the consuming thread
            arrived.put(error)

    # A daemon: it may hang in a read forever after the consumer has gone.
    threading.Thread(target=read, name="nmt-reader", daemon=True).start()
    end: BaseException | None = None
    while True:
        item = arrived.get()
        group: list[str] = []
        while isinstance(item, str):
            group.append(item)
            permits.put(None)
            if len(group) == size:
                break
            try:
                item = arrived.get(timeout=GRACE_SECONDS)
            except queue.Empty:
                break
        if group:
            yield group
        if not isinstance(item, str):
            end = item
            break
    if end is not None:
        raise end
