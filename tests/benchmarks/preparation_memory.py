"""Peak resident memory of preparing a corpus and of training on it, as the corpus grows.

    python tests/benchmarks/preparation_memory.py [--factors 10 100] [--limit 1.2]

Repeats the Multi30k training pairs (en-de, 29,000) `factor` times and runs each stage in a separate
process: cleaning with de-duplication, training the tokenizer, building the store, iterating over one
epoch of batches, and 30 updates of the tiny Transformer with validation and a checkpoint. Each repeat
starts with its number as an extra word on both sides, so repeats are distinct and survive de-duplication.
`total` is the peak resident memory (VmHWM: heap, libraries and mapped files); `heap` is the anonymous
part (RssAnon, sampled every 10 ms), which the system cannot reclaim. Exits with status 1 if either grows
by more than the limit.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MIB = 1024
UPDATES = 30


def repeat_corpus(factor: int, directory: Path) -> None:
    """Writes train.{en,de}, validation.{en,de}: distinct repeats of Multi30k."""
    from nmt.output import write_atomically
    from nmt.text import read_lines

    data = Path(os.environ.get("NMT_DATA", ROOT.parent / "shared" / "data")) / "multi30k"
    for language in ("en", "de"):
        lines = list(read_lines(data / f"train.{language}.gz"))
        with write_atomically(directory / f"train.{language}") as handle:
            for number in range(factor):
                handle.writelines(f"{number} {line}\n" if number else f"{line}\n" for line in lines)
        with write_atomically(directory / f"validation.{language}") as handle:
            handle.writelines(f"{line}\n" for line in islice(lines, 100))


def clean(directory: Path) -> int:
    from nmt.data.clean import Cleaning, prepare_corpus
    from nmt.data.pairs import ParallelFiles, RawCorpus

    files = {
        name: ParallelFiles(directory / f"{name}.en", directory / f"{name}.de") for name in ("train", "validation")
    }
    raw = RawCorpus((files["train"],), files["validation"], {})
    return prepare_corpus(raw, Cleaning(), ("en", "de"), directory / "clean").pairs_kept


def tokenizer(directory: Path) -> int:
    from nmt.tokenizer.sentencepiece import SentencePieceOptions

    text = directory / "clean"
    pair = SentencePieceOptions().train(text / "train.en", text / "train.de", directory / "tokenizer")
    return pair.source.vocabulary_size


def store(directory: Path) -> int:
    from nmt.data.pairs import text_at
    from nmt.data.store import PairStore, build_store
    from nmt.tokenizer import load_tokenizers

    tokenizers = load_tokenizers(directory / "tokenizer")
    for name, folder in (("train", "store"), ("validation", "validation")):
        build_store(text_at(directory / "clean", name, ("en", "de")), tokenizers, directory / folder)
    return len(PairStore(directory / "store"))


def batches(directory: Path) -> int:
    import torch

    from nmt.data.batch import collate
    from nmt.data.sampler import BatchSampler
    from nmt.data.store import PairStore

    torch.set_num_threads(1)
    pairs = PairStore(directory / "store")
    sampler = BatchSampler(pairs, batch_tokens=4096, seed=1, max_length=256)
    tokens = 0
    for batch in sampler.epoch(1):
        tokens += collate([pairs.source(i) for i in batch], [pairs.target(i) for i in batch]).target_tokens
    return tokens


def train(directory: Path) -> int:
    import torch

    from nmt.data.store import PairStore
    from nmt.models.transformer import Transformer
    from nmt.tokenizer import load_tokenizers
    from nmt.training.distributed import World
    from nmt.training.objectives.likelihood import MaximumLikelihood
    from nmt.training.options import Training
    from nmt.training.trainer import Trainer
    from nmt.training.validation import ValidationSet

    torch.set_num_threads(1)
    tokenizers = load_tokenizers(directory / "tokenizer")
    size = tokenizers.source.vocabulary_size
    options = Training(updates=UPDATES, validate_every=UPDATES, save_every=UPDATES, log_every=UPDATES)
    # The validation set does not depend on the corpus size: its loss is enough.
    nothing = ValidationSet(PairStore(directory / "validation"), [], [], lambda _model, _lines: [])
    trainer = Trainer(
        options,
        lambda: Transformer.Config(preset="tiny").build(size, size),
        PairStore(directory / "store"),
        tokenizers,
        nothing,
        directory / "train",
        World(0, 1, torch.device("cpu")),
        Silent(),
        objective=MaximumLikelihood(options.label_smoothing),
    )
    return trainer.train().position.update


class Silent:
    """A reporter without output."""

    def started(self, event: object) -> None: ...

    def moved(self, event: object) -> None: ...
    def progress(self, event: object) -> None: ...

    def validated(self, event: object) -> None: ...

    def note(self, update: int, message: str) -> None:
        raise AssertionError(message)


STAGES: dict[str, Callable[[Path], int]] = {
    "clean": clean,
    "tokenizer": tokenizer,
    "store": store,
    "batches": batches,
    "train": train,
}


def status_kib(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def measure(run: Callable[[Path], int], directory: Path) -> dict[str, Any]:
    """Runs one stage in this process and watches its memory."""
    peak, done = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.01):
            peak = max(peak, status_kib("RssAnon"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.monotonic()
    try:
        result = run(directory)
    finally:
        done.set()
        watcher.join()
    return {"result": result, "total": status_kib("VmHWM"), "heap": peak, "seconds": time.monotonic() - started}


def measure_elsewhere(stage: str, directory: Path, script: str = __file__) -> dict[str, Any]:
    """Runs one stage of a script in a separate process."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, script, "--stage", stage, "--directory", str(directory)]
    output = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout
    figures: dict[str, Any] = json.loads(output)
    return figures


class Peaks:
    """Prints the figures of every stage as they are measured, and their growth.

    Args:
        stages: stages by name.
        columns: the table's first columns; their values are given with the figures.
    """

    def __init__(self, stages: Iterable[str], *columns: str) -> None:
        self._peaks = {(stage, kind): list[int]() for stage in stages for kind in ("total", "heap")}
        names = [*columns, "stage", "total MiB", "heap MiB", "seconds"]
        print(f"| {' | '.join(names)} |\n|{' --- |' * len(names)}", flush=True)

    def add(self, stage: str, figures: Mapping[str, Any], *cells: str) -> None:
        """Prints the row of a stage."""
        for kind in ("total", "heap"):
            self._peaks[stage, kind].append(figures[kind])
        row = [*cells, stage, f"{figures['total'] / MIB:.0f}", f"{figures['heap'] / MIB:.0f}"]
        print(f"| {' | '.join([*row, format(figures['seconds'], '.1f')])} |", flush=True)

    def growth(self) -> float:
        """Prints the growth of each stage from the first size to the last; returns the largest."""
        ratios = {key: values[-1] / values[0] for key, values in self._peaks.items()}
        print("last over first:", ", ".join(f"{stage} {kind} {ratio:.2f}" for (stage, kind), ratio in ratios.items()))
        return max(ratios.values())


def parse_arguments(description: str | None, factors: list[int], stages: Collection[str]) -> argparse.Namespace:
    """The command line of such a benchmark; --stage and --directory are for its own child processes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--factors", type=int, nargs="+", default=factors, help="number of repetitions of the corpus")
    parser.add_argument("--limit", type=float, default=1.2, help="largest growth allowed")
    parser.add_argument("--stage", choices=stages, help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments(__doc__, [10, 100], STAGES)
    if arguments.stage:
        print(json.dumps(measure(STAGES[arguments.stage], arguments.directory)))
        return 0

    pairs, peaks = 0, Peaks(STAGES, "repeats", "pairs")
    for factor in arguments.factors:
        with tempfile.TemporaryDirectory() as folder:
            repeat_corpus(factor, Path(folder))
            for stage in STAGES:
                figures = measure_elsewhere(stage, Path(folder))
                if stage == "clean":
                    pairs = figures["result"]
                peaks.add(stage, figures, f"{factor}", f"{pairs:,}")
    return int(peaks.growth() > arguments.limit)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
