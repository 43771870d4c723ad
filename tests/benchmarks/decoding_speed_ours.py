"""Our side of decoding_speed.py: processes with one thread (or a few) each, as started by `nmt translate`.

Run as a program with a model directory, it translates one sentence, to get oneDNN's report of what it uses.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Self
from unittest.mock import patch

from decoding_speed_data import LENGTH_PENALTY, LONGEST, Ids, Job, Pass  # beside this file
from pydantic import TypeAdapter

from nmt.inference.options import Precision
from nmt.search.options import BeamSearch


@dataclass(frozen=True)
class OurSetting:
    """Settings of our side."""

    workers: int
    threads: int
    precision: Precision

    def __str__(self) -> str:
        """The settings in words."""
        return f"{self.workers} × {self.threads}, {self.precision}"


class Ours:
    """A pool of processes that translate; use it in a `with` block.

    Args:
        model: the model directory.
        setting: number of workers, threads and so on.
    """

    name = "nmt"

    def __init__(self, model: Path, setting: OurSetting) -> None:
        self.model, self.setting = model, setting
        self.workers: list[tuple[SpawnProcess, Connection]] = []

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        with patch.dict(os.environ, OMP_NUM_THREADS=str(self.setting.threads)):
            for _ in range(self.setting.workers):
                here, there = context.Pipe()
                process = context.Process(target=_serve, args=(there, self.model, self.setting), daemon=True)
                process.start()
                there.close()
                self.workers.append((process, here))
        return self

    def __exit__(self, *_: object) -> None:
        for process, connection in self.workers:
            connection.close()
            process.join()
        self.workers.clear()

    def run(self, jobs: Sequence[Job], beam: int, alone: bool = False) -> Pass:
        """Translates all batches, each by the first worker that is free.

        Args:
            jobs: the batches.
            beam: number of hypotheses per sentence.
            alone: has no effect here, because a worker always gets one batch at a time.
        """
        for _, connection in self.workers:  # is there, and has loaded
            connection.send(None)
            connection.recv()
        start = time.perf_counter()
        waiting = list(jobs)[::-1]
        done: dict[int, Ids] = {}
        times: dict[Sequence[int], list[float]] = {}
        busy: dict[Connection, Job] = {}
        idle = [connection for _, connection in self.workers]
        while waiting or busy:
            while idle and waiting:
                connection, job = idle.pop(), waiting.pop()
                connection.send((job, beam))
                busy[connection] = job
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                translations, *times[busy[ready].indices] = ready.recv()
                done.update(zip(busy.pop(ready).indices, translations, strict=True))
                idle.append(ready)
        seconds = time.perf_counter() - start
        lengths = {index: job.length for job in jobs for index in job.indices}
        assert all(lengths[index] in (0, len(ids) + 1) for index, ids in done.items())
        tokens = sum(len(ids) + 1 for ids in done.values())
        processor_seconds = sum(processor for _, processor in times.values())
        latencies = tuple(times[job.indices][0] for job in jobs) if alone else ()
        return Pass(done, tokens, seconds, processor_seconds, latencies)


def _serve(connection: Connection, model: Path, setting: OurSetting) -> None:
    """The main loop of a worker."""
    translate = translation(model, setting)
    try:
        while True:
            task = connection.recv()
            if task is None:
                connection.send(None)
                continue
            start, processor = time.perf_counter(), time.process_time()
            translations = translate(*task)
            connection.send((translations, time.perf_counter() - start, time.process_time() - processor))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def translation(model: Path, setting: OurSetting) -> Callable[[Job, int], list[Ids]]:
    """Loads the model; returns a function from a batch and the beam to translations."""
    import torch

    from nmt.bundle import load_bundle
    from nmt.cpu import forget_old_kernels, keep_freed_memory
    from nmt.data.batch import pad
    from nmt.inference.precision import with_precision
    from nmt.search.dispatch import find_hypotheses

    keep_freed_memory()
    forget_old_kernels()
    torch.set_num_threads(setting.threads)
    loaded = with_precision(load_bundle(model).model, setting.precision)

    def translate(job: Job, beam: int) -> list[Ids]:
        found = find_hypotheses(_search(job.length, beam), loaded, *pad(job.sources))
        return [list(hypotheses[0].tokens) for hypotheses in found]

    return translate


def _search(length: int, beam: int) -> BeamSearch:
    """CTranslate2's search, except that it does not count the EOS of a translation that reaches the limit."""
    return BeamSearch(
        beam=beam,
        length_penalty=LENGTH_PENALTY,
        length_normalization="power",
        early_stopping=True,
        min_length=length - 1 if length else 1,
        max_length_factor=0.0,
        max_length_offset=(length or LONGEST) - 1,
    )


if __name__ == "__main__":
    asked: Precision = TypeAdapter(Precision).validate_python(sys.argv[2])
    translation(Path(sys.argv[1]), OurSetting(1, 1, asked))(Job((0,), ([10] * 20,), 3), 1)
