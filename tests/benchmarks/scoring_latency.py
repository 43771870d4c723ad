"""Time to score one sentence under language models, relative to the first one.

    python tests/benchmarks/scoring_latency.py MODEL MODEL [...] --lines FILE [--sentences 100] [--rounds 7]

MODEL: model directories or run folders. Sentences are the lines of FILE that the first model splits into 20 to 40
pieces; each is scored alone by `nmt.Model.score`, in fp32, with one thread. The models take turns on each sentence.
"Latency" is the median over sentences and rounds of the ratio of wall times, the model's over the first one's on the
same sentence. "Step by step" is the same for `step`, one token at a time, as in a search. Perplexity is per token on
these sentences.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

import nmt
from nmt.bundle import load_bundle
from nmt.models.weights import parameter_count
from nmt.nn.linear.folding import fold
from nmt.text import read_lines
from nmt.tokenizer.base import SPECIAL


class Scored:
    """A language model, and the two ways in which it reads a sentence."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.model = nmt.load(path, precision="fp32")
        bundle = load_bundle(path)
        self.parameters, self._stepping = parameter_count(bundle.model), fold(bundle.model.eval())

    def pieces(self, line: str) -> int:
        """Number of pieces of a line."""
        return len(self.model.encode(line, "target").ids)

    def whole(self, line: str) -> float:
        """Scores a line at once; returns its log-probability."""
        return self.model.score(target=line).log_probability

    @torch.inference_mode()
    def stepwise(self, line: str) -> float:
        """Reads a line token by token."""
        ids = (SPECIAL.bos, *self.model.encode(line, "target").ids)
        memory = self._stepping.encode(torch.tensor([[SPECIAL.eos]]), torch.ones(1, 1, dtype=torch.bool))
        state, total = self._stepping.init_state(memory, 1, len(ids)), 0.0
        for token, following in zip(ids, (*ids[1:], SPECIAL.eos), strict=True):
            output = self._stepping.step(torch.tensor([[token]]), memory, state)
            state, total = output.state, total + float(output.scores()[0, 0, following])
        return total


def ratios(
    models: Sequence[Scored], read: Callable[[Scored, str], float], lines: Sequence[str], rounds: int
) -> list[float]:
    """The median ratio of each model's time to the first one's."""
    for model in models:  # not counted: kernels are chosen and memory is taken
        read(model, lines[0])
    found: list[list[float]] = [[] for _ in models]
    for line in list(lines) * rounds:
        times = []
        for model in models:
            start = time.perf_counter()
            read(model, line)
            times.append(time.perf_counter() - start)
        for ratio, taken in zip(found, times, strict=True):
            ratio.append(taken / times[0])
    return [statistics.median(ratio) for ratio in found]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--lines", type=Path, required=True)
    parser.add_argument("--sentences", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    models = [Scored(path) for path in arguments.models]
    fitting = [line for line in read_lines(arguments.lines) if 20 <= models[0].pieces(line) <= 40]
    lines = fitting[: arguments.sentences]
    tokens = sum(models[0].pieces(line) + 1 for line in lines)
    print(f"{len(lines)} sentences, {tokens / len(lines):.1f} tokens each\n")
    print("| model | parameters | perplexity | latency | step by step |\n| --- | --- | --- | --- | --- |")
    at_once = ratios(models, Scored.whole, lines, arguments.rounds)
    stepwise = ratios(models, Scored.stepwise, lines, max(1, arguments.rounds // 3))
    for model, latency, step in zip(models, at_once, stepwise, strict=True):
        perplexity = math.exp(-sum(map(model.whole, lines)) / tokens)
        print(f"| `{model.name}` | {model.parameters:,} | {perplexity:.2f} | {latency:.2f} | {step:.2f} |")


if __name__ == "__main__":
    main()
