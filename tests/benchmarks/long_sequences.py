"""Time and memory of long sequences under the mixers of an encoder.

    python tests/benchmarks/long_sequences.py [--mixers attention s5 ...] [--longest 8192] [--rounds 3] [--plot FILE]

Each mixer stands in an encoder of 2 layers of width 128 (feed-forward 256, 4 heads), fp32, one thread, under a decoder
of one layer. One source of 128, 256, ... tokens is encoded, and one training update is made on it with a target of 16
tokens. `block_recurrent` has blocks and states of 64; all other options are defaults. Every measurement has a process
of its own, in turns; a sequence of 64 tokens is read beforehand.

Time: the median of the rounds. Memory: growth of the peak resident memory of the update. Exponent: slope of the
logarithm over the logarithm of the length, by least squares, for lengths from 1,024 on.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from nmt.models.transformer import Transformer
from nmt.study.plot import line_styles
from nmt.tokenizer.base import SPECIAL

OPTIONS: Mapping[str, Mapping[str, Any]] = {"block_recurrent": {"window": 64, "states": 64}}
SHORTEST, FITTED_FROM, VOCABULARY, TARGET = 128, 1024, 1000, 16
MEASURES = ("encoding, s", "update, s", "update, MiB")


def model_of(mixer: str) -> Transformer:
    """The encoder-decoder with this mixer in its encoder."""
    torch.manual_seed(1)
    config = Transformer.Config.model_validate(
        {
            "model_dim": 128,
            "feedforward_dim": 256,
            "heads": 4,
            "encoder_layers": 2,
            "decoder_layers": 1,
            "norm": "pre",
            "encoder_mixer": {"kind": mixer, **OPTIONS.get(mixer, {})},
        }
    )
    return config.build(VOCABULARY, VOCABULARY)


def measure(mixer: str, length: int) -> dict[str, float]:
    """One encoding and one update, in this process."""
    torch.set_num_threads(1)
    model = model_of(mixer)
    optimizer = torch.optim.Adam(model.parameters())

    def encode(tokens: int) -> None:
        with torch.inference_mode():
            model.encode(*source(tokens))

    def update(tokens: int) -> None:
        memory = model.encode(*source(tokens))
        target = torch.randint(SPECIAL.eos + 1, VOCABULARY, (1, TARGET))
        output = model.decode(target, torch.ones_like(target, dtype=torch.bool), memory)
        loss = torch.nn.functional.cross_entropy(output.logits.flatten(0, 1), target.flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()

    encode(64)
    update(64)
    before = peak_mib()
    return dict(zip(MEASURES, (seconds(encode, length), seconds(update, length), peak_mib() - before), strict=True))


def source(tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random ids [1, tokens] and their mask."""
    ids = torch.randint(SPECIAL.eos + 1, VOCABULARY, (1, tokens))
    return ids, torch.ones_like(ids, dtype=torch.bool)


def seconds(act: Callable[[int], None], length: int) -> float:
    """Wall time."""
    began = time.perf_counter()
    act(length)
    return time.perf_counter() - began


def peak_mib() -> float:
    """The most resident memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured_apart(mixer: str, length: int) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--one", mixer, str(length)]
    run = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(run.stdout)
    return found


def exponent(lengths: Sequence[int], values: Sequence[float]) -> float:
    """Growth with the length, for the long ones."""
    points = [(math.log(n), math.log(v)) for n, v in zip(lengths, values, strict=True) if n >= FITTED_FROM and v > 0]
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def draw(lengths: Sequence[int], found: Mapping[str, Mapping[str, Sequence[float]]], file: Path) -> None:
    """Lines of each measure over the length, both axes logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.0, 3.8), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(MEASURES)), MEASURES, strict=True):
        for mixer, look in zip(found, line_styles(), strict=False):
            axes.plot(lengths, found[mixer][name], label=mixer, **look)
        axes.set(xscale="log", yscale="log", xlabel="tokens", title=name)
        axes.set_xticks(lengths, [f"{length:,}" for length in lengths], rotation=45)
        axes.minorticks_off()
        axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(file, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mixers", nargs="+", default=["attention", "s5", "block_recurrent", "circular_convolution"])
    parser.add_argument("--longest", type=int, default=8192)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--one", nargs=2, metavar=("MIXER", "LENGTH"), help="for the script itself")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one[0], int(given.one[1]))))
        return
    lengths = [SHORTEST << n for n in range(int(math.log2(given.longest // SHORTEST)) + 1)]
    runs: dict[str, list[list[dict[str, float]]]] = {mixer: [[] for _ in lengths] for mixer in given.mixers}
    for _ in range(given.rounds):
        for number, length in enumerate(lengths):
            for mixer in given.mixers:
                runs[mixer][number].append(measured_apart(mixer, length))
    found = {
        mixer: {name: [statistics.median(one[name] for one in rounds) for rounds in of_mixer] for name in MEASURES}
        for mixer, of_mixer in runs.items()
    }
    for name in MEASURES:
        print(f"\n| {name} | " + " | ".join(f"{length:,}" for length in lengths) + " | exponent |")
        print("| --- |" + " ---: |" * (len(lengths) + 1))
        for mixer in given.mixers:
            values = found[mixer][name]
            figures = [f"{value:.0f}" if name.endswith("MiB") else f"{value:.3f}" for value in values]
            print(f"| {mixer} | " + " | ".join(figures) + f" | {exponent(lengths, values):.2f} |")
    if given.plot:
        draw(lengths, found, given.plot)


if __name__ == "__main__":
    main()
