"""Runs the cells of a study, each in a process of its own and several at a time."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from nmt.processes import nmt_command
from nmt.study.child import task_of
from nmt.study.events import Event, Failed, Finished, Moved, parsed
from nmt.study.plan import Cell

CELL_COMMAND = ("study", "cell")
"""Arguments of `nmt` that start the process of a run."""
_LONGEST_REASON = 500


class Watcher(Protocol):
    """Shows the progress of a study."""

    def reused(self, cell: Cell, number: int, total: int) -> None:
        """A run had finished before and is unchanged."""

    def started(self, cell: Cell, number: int, total: int) -> None:
        """A run has started, the number-th of `total`."""

    def moved(self, cell: Cell, event: Moved) -> None:
        """A run has progressed; called a few times a second."""

    def ended(self, cell: Cell, outcome: Finished | Failed, seconds: float) -> None:
        """A run has finished or failed."""

    def tested(self, system: str) -> None:
        """The translations of a system are about to be compared with its baseline's, which takes seconds."""


Ended = Callable[[Cell, Finished | Failed], None]


def run_cells(
    cells: Sequence[Cell],
    jobs: int,
    logs: Path,
    started: Callable[[Cell], None],
    moved: Callable[[Cell, Moved], None],
    ended: Ended,
    *,
    only_prepare: bool = False,
) -> None:
    """Runs the cells in order, at most `jobs` at a time; one that fails does not stop the others.

    If an exception ends this function (a signal raises one), the runs are told to stop, save a checkpoint, and are
    waited for; a second signal ends them at once.

    Args:
        cells: the runs.
        jobs: largest number of processes; each gets an equal share of this process's cores.
        logs: folder of the logs.
        started: called before a process is started.
        moved: called with the progress of a run.
        ended: called once for each run.
        only_prepare: stop after the data is prepared.
    """
    events: queue.Queue[tuple[_Child, Event | None]] = queue.Queue()
    waiting, running = list(cells), list[_Child]()
    free = list(range(jobs))[::-1]
    try:
        while waiting or running:
            while waiting and free:
                cell = waiting.pop(0)
                started(cell)
                child = _Child(cell, logs, events, free.pop(), jobs, only_prepare=only_prepare)
                running.append(child)
            child, event = events.get()
            if isinstance(event, Moved):
                moved(child.cell, event)
            elif event is not None:
                child.outcome = event
            else:
                outcome = child.ended()
                running.remove(child)
                free.append(child.slot)
                ended(child.cell, outcome)
    finally:
        _stop(running)


def _stop(running: Sequence[_Child]) -> None:
    try:
        for child in running:
            child.signal(signal.SIGTERM)
        for child in running:
            child.process.wait()
    except BaseException:
        for child in running:
            child.signal(signal.SIGKILL)
        raise


class _Child:
    """The process of one run, in a session of its own: signals of the terminal reach only the study, which passes
    them on.
    """

    def __init__(
        self,
        cell: Cell,
        logs: Path,
        events: queue.Queue[tuple[_Child, Event | None]],
        slot: int,
        jobs: int,
        *,
        only_prepare: bool,
    ) -> None:
        self.cell, self.slot = cell, slot
        self.outcome: Finished | Failed | None = None
        logs.mkdir(parents=True, exist_ok=True)
        self._log = logs / f"{cell.recipe.name}.log"
        cores = _share(slot, jobs)
        with self._log.open("w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                nmt_command(CELL_COMMAND),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(len(cores), jobs),
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
        if jobs > 1 and hasattr(os, "sched_setaffinity"):
            with suppress(OSError):  # it has ended already
                os.sched_setaffinity(self.process.pid, cores)
        threading.Thread(target=self._read, args=(events,), daemon=True).start()
        assert self.process.stdin is not None
        with suppress(OSError), self.process.stdin:  # it has ended already
            self.process.stdin.write(task_of(cell, only_prepare=only_prepare))

    def _read(self, events: queue.Queue[tuple[_Child, Event | None]]) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                if (event := parsed(line)) is not None:
                    events.put((self, event))
        events.put((self, None))

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal if the process still runs."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    def ended(self) -> Finished | Failed:
        """The outcome of the process, which is waited for."""
        status = self.process.wait()
        if status == 0 and isinstance(self.outcome, Finished):
            return self.outcome
        if isinstance(self.outcome, Failed):
            return self.outcome
        return Failed(self._reason(status))

    def _reason(self, status: int) -> str:
        """An explanation of an unexpected end."""
        if status < 0:
            return f"killed by {signal.Signals(-status).name}, perhaps for lack of memory; see {self._log}"
        with suppress(OSError):
            lines = self._log.read_text(encoding="utf-8", errors="replace").split("\n")
            last = next((line for line in reversed(lines) if line.strip()), "")
            return f"{last[:_LONGEST_REASON]} (exit status {status}; see {self._log})"
        return f"exit status {status}"


def _share(slot: int, jobs: int) -> list[int]:
    """The cores of one of several simultaneous runs; with fewer cores than runs, some share one."""
    if not hasattr(os, "sched_getaffinity"):
        return list(range(max((os.cpu_count() or 1) // jobs, 1)))
    cores = sorted(os.sched_getaffinity(0))
    return cores[slot::jobs] or [cores[slot % len(cores)]]


def _environment(cores: int, jobs: int) -> dict[str, str]:
    """Variables of a run's process: of several at a time, each has as many threads as cores."""
    if jobs == 1:
        return dict(os.environ)
    asked = os.environ.get("OMP_NUM_THREADS", "")
    threads = min(int(asked), cores) if asked.isdecimal() and int(asked) else cores
    return {**os.environ, "OMP_NUM_THREADS": str(threads)}
