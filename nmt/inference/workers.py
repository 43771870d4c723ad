"""Translation in several single-threaded processes, in order.

On a CPU, small models gain nothing from several threads per product: W processes that each
translate their own lines are up to W times faster, whereas W threads are often slower than one.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nmt.errors import UserError
from nmt.imports import quick_imports
from nmt.processes import safe_imports, script_left_alone

if TYPE_CHECKING:  # a worker imports torch after it has set up the handling of Ctrl-C
    from nmt.inference.options import TranslationOptions
    from nmt.inference.translator import Translation
    from nmt.search import SearchConfig

AHEAD = 4
"""Maximum number of windows per worker that are read but not yet written: bounds memory if one window is slow."""


@dataclass
class _Worker:
    process: SpawnProcess
    connection: Connection
    window: int | None = None
    """Number of the window it is working on; it gets one at a time, so that pipes cannot fill up on both sides."""


@dataclass(frozen=True)
class _Failure:
    """The message of a worker that has failed."""

    user_error: tuple[str, str, str, str] | None
    traceback: str = ""


@dataclass
class Workers:
    """A pool of processes, each of which loads the model directory; use it in a `with` block.

    Args:
        directory: the model directory.
        count: number of processes.
        search: settings of the search.
        options: settings of translation.
        model_options: as for `nmt.bundle.load_bundle`.
    """

    directory: Path
    count: int
    search: SearchConfig
    options: TranslationOptions
    model_options: Mapping[str, Any] | None = None
    _workers: list[_Worker] = field(default_factory=list)

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        with _interrupts_ignored(), safe_imports(), script_left_alone():
            for number in range(self.count):
                here, there = context.Pipe()
                process = context.Process(
                    target=_work,
                    args=(there, self.directory, self.search, self.options, self.model_options),
                    name=f"nmt-worker-{number + 1}",
                    daemon=True,
                )
                process.start()
                there.close()
                self._workers.append(_Worker(process, here))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.connection.close()  # an idle worker ends by itself
            if kind is not None:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join()
        self._workers.clear()

    def translate(self, windows: Iterable[Sequence[str]]) -> Iterator[list[Translation]]:
        """Yields the translations of each window, in order, as soon as it and all earlier ones are done.

        One call at a time: a new call drops what an earlier one has left unfinished.

        Raises:
            UserError: a worker died, or found a mistake of the user.
        """
        while any(worker.window is not None for worker in self._workers):
            self._receive()
        source = enumerate(windows)
        finished: dict[int, list[Translation]] = {}
        read = written = 0
        exhausted = False
        while not (exhausted and read == written):
            for worker in self._workers:
                if worker.window is None and not exhausted and read - written < AHEAD * self.count:
                    number, window = next(source, (-1, ()))
                    exhausted = number < 0
                    if not exhausted:
                        _send(worker, window)
                        worker.window, read = number, read + 1
            if written in finished:
                yield finished.pop(written)
                written += 1
            elif read > written:
                finished.update(self._receive())

    def _receive(self) -> dict[int, list[Translation]]:
        """Waits for the translations of at least one window."""
        busy = {worker.connection: worker for worker in self._workers if worker.window is not None}
        received = {}
        for connection in wait(list(busy)):
            assert isinstance(connection, Connection)
            worker = busy[connection]
            try:
                answer: list[Translation] | _Failure = connection.recv()
            except (EOFError, OSError):
                raise _died(worker.process) from None
            if isinstance(answer, _Failure):
                if answer.user_error:
                    raise UserError(*answer.user_error)
                raise RuntimeError(f"{worker.process.name} failed:\n{answer.traceback}")
            assert worker.window is not None
            received[worker.window] = answer
            worker.window = None
        return received


def default_workers() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _send(worker: _Worker, window: Sequence[str]) -> None:
    try:
        worker.connection.send(list(window))
    except OSError:
        raise _died(worker.process) from None


def _died(process: SpawnProcess) -> UserError:
    process.join(timeout=5)
    code = process.exitcode
    got = f"killed by signal {-code}" if code is not None and code < 0 else f"exit status {code}"
    return UserError(
        process.name,
        "a translation process that finishes its work",
        got,
        "It may have run out of memory: use fewer --workers or a smaller --batch-tokens.",
    )


def _work(
    connection: Connection,
    directory: Path,
    search: SearchConfig,
    options: TranslationOptions,
    model_options: Mapping[str, Any] | None,
) -> None:
    """A worker's main function: loads the model, then translates window after window until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent decides
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        with quick_imports():
            import torch

            from nmt.bundle import load_bundle
            from nmt.inference.translator import TrainingText, Translator

        torch.set_num_threads(1)
        bundle = load_bundle(directory, model_options=model_options, verify=False)  # the parent has done so
        translator = Translator(
            bundle.model, bundle.tokenizers, search, options, training_text=TrainingText.of(bundle.metadata)
        )
        while True:
            connection.send(translator.translate_window(connection.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent has gone
    except UserError as error:
        connection.send(_Failure((error.where, error.expected, error.got, error.fix)))
    except Exception:
        connection.send(_Failure(None, traceback.format_exc()))


class _interrupts_ignored:  # noqa: N801 - reads as a statement
    """Processes started inside ignore Ctrl-C from their first instruction on.

    An ignored signal stays ignored across exec; only the main thread may set this.
    """

    def __enter__(self) -> None:
        self.main = threading.current_thread() is threading.main_thread()
        if self.main:
            self.before = signal.signal(signal.SIGINT, signal.SIG_IGN)

    def __exit__(self, *_: object) -> None:
        if self.main:
            signal.signal(signal.SIGINT, self.before)
