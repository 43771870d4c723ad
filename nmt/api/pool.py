"""The Python interface of worker processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from types import TracebackType
from typing import Self

from nmt.api.lines import checked_lines
from nmt.errors import UserError
from nmt.inference.translator import Translation
from nmt.inference.windows import WINDOW_LINES, whole_documents, windows
from nmt.inference.workers import Workers

_ONE_AT_A_TIME = "Finish one text before the next, or open a pool for each text."


class Pool:
    """Processes that translate with one model, within a `with` block.

        with model.workers(4) as pool:
            for translation in pool.translate(lines):
                print(translation.text)

    For use by one thread, with one text at a time.

    Args:
        workers: the workers, not yet started.
    """

    def __init__(self, workers: Workers) -> None:
        self._workers, self._open = workers, False
        self._latest = object()
        """Identifies the text being translated."""

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
        """Yields one translation per line, in order, as they become ready.

        Args:
            lines: a list, which is divided evenly; or an open file or any other iterable, which may be larger than
                memory and is read only slightly ahead of the translations.

        Raises:
            UserError: a line is not a str, a worker died, or the pool is used outside of its `with` block.
        """
        size = WINDOW_LINES
        if isinstance(lines, Sized):
            size = max(1, min(size, -(-len(lines) // self._workers.count)))
        return self._translated(checked_lines(lines, "lines"), size)

    def _translated(self, lines: Iterator[str], size: int) -> Iterator[Translation]:
        self._latest = latest = object()
        self._check(latest)
        groups: Iterator[list[str]] = windows(lines, size)
        if self._workers.options.documents:
            groups = whole_documents(groups)
        for window in self._workers.translate(groups):
            for translation in window:
                yield translation
                self._check(latest)

    def _check(self, own: object) -> None:
        if not self._open:
            raise UserError("workers", "use within a `with` block", "use outside of it")
        if self._latest is not own:
            raise UserError("workers", "one text at a time", "a second one before the first was done", _ONE_AT_A_TIME)
