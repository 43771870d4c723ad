"""Worker processes, as a Python program uses them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from types import TracebackType
from typing import Self

from nmt.api.lines import checked_lines
from nmt.errors import UserError
from nmt.inference.translator import Translation
from nmt.inference.windows import WINDOW_LINES, windows
from nmt.inference.workers import Workers

_ONE_AT_A_TIME = "Finish one text before the next, or open a pool for each."


class Pool:
    """Processes that translate with one model, between the beginning and the end of a `with` block.

        with model.workers(4) as pool:
            for translation in pool.translate(lines):
                print(translation.text)

    For one thread, and one text at a time.

    Args:
        workers: not started yet.
    """

    def __init__(self, workers: Workers) -> None:
        self._workers, self._open = workers, False
        self._latest = object()
        """Stands for the text that is being translated."""

    def __enter__(self) -> Self:
        self._workers.__enter__()
        self._open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        self._workers.__exit__(kind, error, trace)

    def translate(self, lines: Iterable[str]) -> Iterator[Translation]:
        """One translation per line, in order, as they are done.

        Args:
            lines: a list, which is shared out evenly; or an open file or any other iterable, which is read a little
                ahead of what is translated, and may be larger than memory.

        Raises:
            UserError: a line that is no text, a worker that died, or one that is asked outside of the `with` block.
        """
        size = WINDOW_LINES
        if isinstance(lines, Sized):
            size = max(1, min(size, -(-len(lines) // self._workers.count)))
        return self._translated(checked_lines(lines, "lines"), size)

    def _translated(self, lines: Iterator[str], size: int) -> Iterator[Translation]:
        self._latest = latest = object()
        self._check(latest)
        for window in self._workers.translate(windows(lines, size)):
            for translation in window:
                yield translation
                self._check(latest)

    def _check(self, own: object) -> None:
        if not self._open:
            raise UserError("workers", "to be used in a `with` block", "no processes outside of it")
        if self._latest is not own:
            raise UserError("workers", "one text at a time", "a second one before the first was done", _ONE_AT_A_TIME)
