"""CTranslate2's side of decoding_speed.py: one process with its Translator, which gets all batches at once.

Run as a program with an exported model, it translates one sentence, to get the reports of what is used.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

from decoding_speed_data import LENGTH_PENALTY, LONGEST, Ids, Job, Pass  # beside this file

VOCABULARIES = "{}_vocabulary.json"


@dataclass(frozen=True)
class PeerSetting:
    """Settings of CTranslate2."""

    workers: int
    threads: int
    compute_type: str
    environment: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """The settings in words."""
        variables = "".join(f", {name}={value}" for name, value in self.environment)
        return f"{self.workers} × {self.threads}, {self.compute_type}{variables}"


class Peer:
    """A process with a Translator; use it in a `with` block.

    Args:
        model: the exported model.
        setting: number of workers, threads and so on.
    """

    name = "CTranslate2"

    def __init__(self, model: Path, setting: PeerSetting) -> None:
        self.model, self.setting = model, setting

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self.connection, there = context.Pipe()
        environment = {"OMP_NUM_THREADS": str(self.setting.threads), **dict(self.setting.environment)}
        with patch.dict(os.environ, environment):
            self.process = context.Process(target=_serve, args=(there, self.model, self.setting), daemon=True)
            self.process.start()
        there.close()
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self.process.join()

    def run(self, jobs: Sequence[Job], beam: int, alone: bool = False) -> Pass:
        """Translates all batches.

        Args:
            jobs: the batches.
            beam: number of hypotheses per sentence.
            alone: submit batches one after another instead of all at once.
        """
        self.connection.send((jobs, beam, alone))
        result: Pass = self.connection.recv()
        return result


def _serve(connection: Connection, model: Path, setting: PeerSetting) -> None:
    """The main loop of the process."""
    run = translation(model, setting)
    try:
        while True:
            connection.send(run(*connection.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def translation(model: Path, setting: PeerSetting) -> Callable[[Sequence[Job], int, bool], Pass]:
    """Loads the model; returns a function that translates batches, given the beam and whether one at a time."""
    import json

    import ctranslate2

    translator = ctranslate2.Translator(
        str(model),
        compute_type=setting.compute_type,
        inter_threads=setting.workers,
        intra_threads=setting.threads,
        max_queued_batches=-1,
    )

    def names(side: str) -> list[str]:
        files = [model / VOCABULARIES.format(which) for which in (side, "shared")]
        found: list[str] = json.loads(next(file for file in files if file.exists()).read_text(encoding="utf-8"))
        return found

    source, target = names("source"), {name: token for token, name in enumerate(names("target"))}

    def run(jobs: Sequence[Job], beam: int, alone: bool) -> Pass:
        calls = [([[source[token] for token in ids] for ids in job.sources], _options(job, beam)) for job in jobs]
        latencies, results = [], []
        start, processor = time.perf_counter(), time.process_time()
        if alone:
            for batch, options in calls:
                before = time.perf_counter()
                results.append(translator.translate_batch(batch, **options))
                latencies.append(time.perf_counter() - before)
        else:
            promised = [translator.translate_batch(batch, asynchronous=True, **options) for batch, options in calls]
            results = [[one.result() for one in batch] for batch in promised]
        seconds, processor_seconds = time.perf_counter() - start, time.process_time() - processor
        done: dict[int, Ids] = {}
        tokens = 0
        for job, batch in zip(jobs, results, strict=True):
            lines = [[target[name] for name in result.hypotheses[0]] for result in batch]
            # A translation cut at the limit has no EOS.
            counts = [len(ids) + (len(ids) < (job.length or LONGEST)) for ids in lines]
            assert not job.length or all(len(ids) == job.length for ids in lines)
            done.update(zip(job.indices, lines, strict=True))
            tokens += sum(counts)
        return Pass(done, tokens, seconds, processor_seconds, tuple(latencies))

    return run


def _options(job: Job, beam: int) -> dict[str, Any]:
    return {
        "beam_size": beam,
        "length_penalty": LENGTH_PENALTY,
        "min_decoding_length": job.length or 1,
        "max_decoding_length": job.length or LONGEST,
        "max_input_length": 0,
    }


if __name__ == "__main__":
    translation(Path(sys.argv[1]), PeerSetting(1, 1, sys.argv[2]))([Job((0,), ([10] * 20,), 3)], 1, True)
