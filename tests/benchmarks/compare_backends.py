"""Compares several trained recipes: size, quality, speed and memory, as a Markdown table.

    python tests/benchmarks/compare_backends.py RECIPE [RECIPE ...] [--rounds 3] [--training-updates N] [--lines N]

Needs finished runs (`nmt run RECIPE`). Their report.json gives BLEU and chrF on the test set test_2016_flickr,
parameters, training speed (target tokens over the seconds of the updates themselves), time of the training stage
(including validation) and its peak memory (of the largest process). These figures depend on the machine and its load at
that time. With --training-updates N the training speed is measured now instead: the recipes are trained from scratch in
turns, for N updates in a temporary folder; the table has the median of the rounds.

Decoding is measured now: each backend has its own process with one thread, which translates the test set with the
recipe's search and beam 1, then beam 5, as `nmt translate` does. The backends take turns, one process working at a
time; the first lines are translated once beforehand as a warm-up. The table has the median of the rounds; every round
is printed on standard error, with the share of the time for which its process had a core. Target tokens are the pieces
of the translation and its EOS.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from other_work import OtherWork  # beside this file

from nmt.pipeline.report import REPORT, recipe_digest
from nmt.pipeline.run import run_directory
from nmt.recipe import Recipe, load_recipe
from nmt.text import read_lines

TEST_SET = "test_2016_flickr"
BEAMS = (1, 5)
COLUMNS = (
    *("recipe", "parameters", "BLEU", "chrF", "training, target tokens/s"),
    *(f"decoding at beam {beam}, target tokens/s" for beam in BEAMS),
    *("peak memory of training", "training time"),
)


@dataclass(frozen=True)
class Decoded:
    """One translation of the test set."""

    tokens: int
    seconds: float
    processor_seconds: float

    @property
    def speed(self) -> float:
        """Target tokens per second."""
        return self.tokens / self.seconds


@dataclass(frozen=True)
class Backend:
    """A recipe with a finished run."""

    path: Path
    recipe: Recipe
    report: Mapping[str, Any]
    model: Path
    source: Path
    """The test set."""


def find(path: Path, runs: Path) -> Backend:
    """Finds the finished run of a recipe; exits if there is none or the recipe has changed since."""
    recipe = load_recipe(path)
    run = run_directory(recipe, runs)
    try:
        report = json.loads((run / REPORT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        report = {}
    if report.get("recipe_digest") != recipe_digest(recipe.model_dump(mode="json")):
        sys.exit(f"{path}: not run yet, or changed since: nmt run {path}")
    if TEST_SET not in report["scores"]:
        sys.exit(f"{path}: its run is not finished, or has no {TEST_SET}: nmt run {path}")
    return Backend(path, recipe, report, run / "model", recipe.corpus.fetch(run / "corpus").tests[TEST_SET].sides[0])


_state: dict[str, Any] = {}
"""The loaded model of a backend's process."""


def load(model: Path) -> None:
    """Loads a model into this process."""
    import torch

    from nmt.bundle import load_bundle

    torch.set_num_threads(1)
    _state["bundle"] = load_bundle(model)


def decode(recipe: Recipe, beam: int, lines: Sequence[str]) -> Decoded:
    """Translates lines with the model of this process."""
    from nmt.inference.translator import TrainingText, Translator

    bundle = _state["bundle"]
    search = recipe.search.model_copy(update={"beam": beam, "n_best": 1})
    options, text = recipe.evaluation.translation, TrainingText.of(bundle.metadata)
    start, processor = time.perf_counter(), time.process_time()
    translator = Translator(bundle.model, bundle.tokenizers, search, options, training_text=text)
    texts = [translation.text for translation in translator.translate(lines)]
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    tokens = sum(len(bundle.tokenizers.target.encode(text)) + 1 for text in texts)
    return Decoded(tokens, seconds, processor)


def measure(backends: Sequence[Backend], rounds: int, most: int | None, warm_up: int) -> list[dict[int, list[Decoded]]]:
    """Runs the backends in turns; returns their results by beam."""
    done: list[dict[int, list[Decoded]]] = [{beam: [] for beam in BEAMS} for _ in backends]
    texts = [list(read_lines(backend.source))[:most] for backend in backends]
    context = get_context("spawn")
    with ExitStack() as stack:
        processes = [
            stack.enter_context(ProcessPoolExecutor(1, context, initializer=load, initargs=(backend.model,)))
            for backend in backends
        ]
        for number in range(rounds + 1):
            for process, backend, text, results in zip(processes, backends, texts, done, strict=True):
                for beam in BEAMS:
                    lines = text if number else text[:warm_up]
                    decoded = process.submit(decode, backend.recipe, beam, lines).result()
                    if number:
                        results[beam].append(decoded)
                        on_core = decoded.processor_seconds / decoded.seconds
                        print(
                            f"round {number}: {backend.recipe.name:20} beam {beam} {decoded.speed:8,.0f} "
                            f"target tokens/s, on a core {on_core:.0%} of the time",
                            file=sys.stderr,
                            flush=True,
                        )
    return done


def training_speeds(backends: Sequence[Backend], rounds: int, updates: int) -> list[float]:
    """Trains the backends from scratch in turns; returns the median of each, in target tokens per second."""
    # Validation is not measured here, so it is kept as small as possible.
    changes = [f"training.updates={updates}", "search.beam=1", "search.max_length_factor=0"]
    speeds: list[list[float]] = [[] for _ in backends]
    for number in range(1, rounds + 1):
        for backend, measured in zip(backends, speeds, strict=True):
            with tempfile.TemporaryDirectory(prefix="compare_backends_") as runs:
                command = [sys.executable, "-m", "nmt", "train", str(backend.path), "--runs", runs, *changes]
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
                if done.returncode:
                    sys.exit(f"{' '.join(command)}\nfailed:\n{done.stdout[-4000:]}")
                report = json.loads((run_directory(backend.recipe, Path(runs)) / REPORT).read_text(encoding="utf-8"))
            measured.append(report["training"]["target_tokens_per_second"])
            line = f"round {number}: {backend.recipe.name:20} training {measured[-1]:8,.0f} target tokens/s"
            print(line, file=sys.stderr, flush=True)
    return [statistics.median(measured) for measured in speeds]


def row(backend: Backend, training: float, decoded: Mapping[int, Sequence[Decoded]]) -> str:
    """Returns the backend's row of the table."""
    report = backend.report
    scores = report["scores"][TEST_SET]
    minutes = report["seconds"]["train"] / 60
    cells = [
        *(f"`{backend.recipe.name}`", f"{report['parameters']:,}"),
        *(f"{scores['bleu']['score']:.1f}", f"{scores['chrf']['score']:.1f}"),
        f"{training:,.0f}",
        *(f"{statistics.median(one.speed for one in decoded[beam]):,.0f}" for beam in BEAMS),
        *(f"{report['peak_memory_bytes']['train'] / 2**30:.1f} GiB", f"{minutes:.0f} min"),
    ]
    return f"| {' | '.join(cells)} |"


def conditions(backends: Sequence[Backend], rounds: int, updates: int, lines: int, others: float) -> str:
    """Returns the conditions of the measurement."""
    scores = [backend.report["scores"][TEST_SET] for backend in backends]
    parts = []
    for name, measure_of in (("BLEU", "bleu"), ("chrF", "chrf")):
        signatures = dict.fromkeys(score[measure_of]["signature"] for score in scores)
        parts.append(f"{name} {' and '.join(f'`{signature}`' for signature in signatures)}")
    speed = f"speed is the median of {rounds} rounds of {updates} updates in turns" if updates else "speed of that run"
    versions = backends[0].report["versions_of_stages"]["train"]
    return (
        f"{TEST_SET}; {'; '.join(parts)}. Training: torch {versions['torch']}, all processes together; {speed}; memory "
        f"is that of the largest. Decoding: {lines:,} lines, one process with one thread on {processor_name()}, median "
        f"of {rounds} rounds in turns. Other programs took {others:.0%} of {os.cpu_count()} cores meanwhile."
    )


def processor_name() -> str:
    """Returns Linux's name of the processor, or else the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def main() -> None:
    """Reads the arguments, measures, and prints the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("recipes", type=Path, nargs="+", metavar="RECIPE")
    parser.add_argument("--runs", type=Path, default=Path(os.environ.get("NMT_RUNS", "runs")))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--training-updates", type=int, default=0, help="train from scratch for this many updates to measure the speed"
    )
    parser.add_argument("--lines", type=int, help="translate only this many lines")
    parser.add_argument("--warm-up", type=int, default=200, help="lines translated as a warm-up")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that are started; training sets its own
    backends = [find(path, arguments.runs) for path in arguments.recipes]
    rounds, updates = arguments.rounds, arguments.training_updates
    others = OtherWork()
    if updates:
        training = training_speeds(backends, rounds, updates)
    else:
        training = [backend.report["training"]["target_tokens_per_second"] for backend in backends]
    decoded = measure(backends, rounds, arguments.lines, arguments.warm_up)
    share = others.share()
    print(f"| {' | '.join(COLUMNS)} |")
    print("|" + " --- |" * len(COLUMNS))
    for backend, speed, results in zip(backends, training, decoded, strict=True):
        print(row(backend, speed, results))
    lines = sum(1 for _ in read_lines(backends[0].source))
    print(f"\n{conditions(backends, rounds, updates, min(lines, arguments.lines or lines), share)}")


if __name__ == "__main__":
    main()
