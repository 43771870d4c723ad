"""Time of a training update with an adaptive softmax, relative to a full one, on a large vocabulary.

    python tests/benchmarks/adaptive_softmax.py [--vocabulary 50000] [--cutoffs 2000,10000] [--rows 32] [--rounds 7]

A recurrent language model of two LSTM layers and a Transformer of 6+6 layers, both of width 512. Token ids are random:
the id of rank r has a probability proportional to 1 / (r + 2.7) (Zipf and Mandelbrot), and the layer knows the ranks.
An update is what the trainer does: forward and backward pass without label smoothing, then a step of Adam. One thread.
The output layers take turns; a time is the median over rounds, and a speed the median of the full, untied layer's time
over this one's in the same round.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping

import numpy as np
import torch

from nmt.data.batch import Batch, collate
from nmt.models.language.recurrent import RecurrentLM
from nmt.models.transformer import Transformer
from nmt.models.weights import parameter_count
from nmt.nn.output import AdaptiveSoftmax
from nmt.training.flat import FlatParameters
from nmt.training.objectives.likelihood import cross_entropy
from nmt.training.optimizer import Adam, set_learning_rate

FIRST = 4
"""The first id that is not of a special token, and the most frequent one."""

Config = RecurrentLM.Config | Transformer.Config


def models(adaptive: AdaptiveSoftmax) -> Mapping[str, Mapping[str, Config]]:
    """By name, then by output layer; the full, untied one first."""
    language, translation = RecurrentLM.Config(model_dim=512), Transformer.Config(preset="base")
    return {
        "`recurrent_lm`, 2 layers": {
            "`full`": language.model_copy(update={"tied_embeddings": False}),
            "`full`, tied": language,
            "`adaptive`": language.model_copy(update={"tied_embeddings": False, "output": adaptive}),
        },
        "`transformer`, `base`": {
            "`full`": translation.model_copy(update={"tied_embeddings": "none"}),
            "`full`, tied": translation,
            "`adaptive`": translation.model_copy(update={"tied_embeddings": "none", "output": adaptive}),
        },
    }


def batch_of(rows: int, length: int, vocabulary: int) -> Batch:
    """Sentences of Zipf-distributed tokens."""
    draw = np.random.default_rng(1)
    weights = 1.0 / (np.arange(vocabulary - FIRST) + 2.7)
    ids = FIRST + draw.choice(vocabulary - FIRST, size=(2, rows, length - 1), p=weights / weights.sum())
    return collate(*ids.tolist())


def updating(config: Config, vocabulary: int, batch: Batch) -> tuple[Callable[[], None], int]:
    """A function that makes one update, and the number of parameters. Ids are in order of frequency already."""
    torch.manual_seed(1)
    model = config.build(vocabulary, vocabulary).train()
    flat = FlatParameters(model, extra=0)
    optimizer = Adam().build(flat.groups)
    set_learning_rate(optimizer, 1e-4)

    def run() -> None:
        flat.zero()
        cross_entropy(model, batch, 0.0).loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return run, parameter_count(model)


def measured(runs: Mapping[str, Callable[[], None]], rounds: int) -> list[dict[str, float]]:
    """Seconds of each in each round."""
    taken = []
    for number in range(rounds + 1):
        times = {}
        for name, run in runs.items():
            start = time.process_time()
            run()
            times[name] = time.process_time() - start
        if number:  # the first round chooses kernels and takes memory
            taken.append(times)
    return taken


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    for name, default in (("vocabulary", 50_000), ("rows", 32), ("length", 32), ("rounds", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--cutoffs", default="2000,10000")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    adaptive = AdaptiveSoftmax(cutoffs=tuple(map(int, arguments.cutoffs.split(","))))
    batch = batch_of(arguments.rows, arguments.length, arguments.vocabulary)
    print("| model | output layer | parameters | update (s) | speed |\n| --- | --- | --- | --- | --- |")
    for model, configs in models(adaptive).items():
        made = {name: updating(config, arguments.vocabulary, batch) for name, config in configs.items()}
        taken = measured({name: run for name, (run, _) in made.items()}, arguments.rounds)
        for name, (_, parameters) in made.items():
            seconds = statistics.median(times[name] for times in taken)
            speed = statistics.median(times["`full`"] / times[name] for times in taken)
            print(f"| {model} | {name} | {parameters / 1e6:.1f} million | {seconds:.2f} | {speed:.1f} |", flush=True)


if __name__ == "__main__":
    main()
