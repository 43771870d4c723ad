"""int8 (and bf16) compared with fp32 at full size: decoding speed of each backend with random weights, as a table.

    python tests/benchmarks/int8_full_size.py [RECIPE ...] [--beams 1 4] [--rounds 3] [--sentences 32] [--length 25]
        [--precisions bf16 int8] [--profile]

The models are those of the WMT14 recipes, with their vocabulary sizes. A batch of random source ids, with lengths
between 0.8 and 1.2 times --length, is translated by beam search with one thread; translations are forced to --length
tokens, including EOS, so all models do the same work. In a round each backend translates the batch once in each
precision and at each beam, in turns, after an uncounted warm-up. Seconds are processor time, which other programs
hardly affect; figures are medians of the rounds, ratios the medians of the ratios within a round.

A DEQ solves, as after its pretraining. Its work depends on its weights, even on their rounding: `applications` is the
mean number of times its decoder's block was applied to the newest position of a live hypothesis.

With --profile, the slowest operations follow, separately for the encoder and the rest.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from compare_backends import processor_name  # beside this file
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from nmt.cpu import forget_old_kernels, keep_freed_memory
from nmt.data.batch import pad
from nmt.inference.options import Precision
from nmt.inference.precision import with_precision
from nmt.models.deq import DEQState
from nmt.recipe import load_recipe
from nmt.search.dispatch import find_hypotheses
from nmt.search.options import BeamSearch

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("gnmt", "convs2s", "transformer_base", "deq")
RECIPES = [ROOT / "recipes" / "wmt14_en_de" / f"{name}.yaml" for name in NAMES]
PRECISIONS = ("bf16", "int8")
COLUMNS = (
    *("model", "beam", "precision", "tokens/s", "over fp32", "encoder, ms", "over fp32", "step, ms", "over fp32"),
    "applications",
)
SPREAD = 0.2
"""Source lengths deviate from the mean by at most this fraction."""


@dataclass
class Watched:
    """A `StepModel` that measures the time of the encoder and the applications of a DEQ's block."""

    model: Any
    encoder_seconds: float = 0.0
    applications: list[float] = field(default_factory=list)

    def encode(self, source: Tensor, source_mask: Tensor) -> Any:
        start = time.process_time()
        memory = self.model.encode(source, source_mask)
        self.encoder_seconds += time.process_time() - start
        return memory

    def init_state(self, memory: Any, beam_size: int, max_length: int) -> Any:
        return self.model.init_state(memory, beam_size, max_length)

    def step(self, tokens: Tensor, memory: Any, state: Any, *, need_attention: bool = False) -> Any:
        output = self.model.step(tokens, memory, state, need_attention=need_attention)
        if isinstance(state, DEQState):
            self.applications.append(float((output.state.applications - state.applications).float().mean()))
        return output


@dataclass(frozen=True)
class Timed:
    """One translation of the batch."""

    tokens: int
    seconds: float
    encoder: float
    """Seconds in the encoder."""
    step: float
    """Mean seconds per step of the search."""
    applications: float


@dataclass
class Entry:
    """A backend in one precision at one beam."""

    name: str
    model: Any
    precision: str
    beam: int
    timed: list[Timed] = field(default_factory=list)

    def run(self, source: Tensor, mask: Tensor, length: int) -> Timed:
        """Translates the batch once."""
        watched = Watched(self.model)
        search = BeamSearch(beam=self.beam, min_length=length - 1, max_length_factor=0.0, max_length_offset=length - 1)
        start = time.process_time()
        found = find_hypotheses(search, watched, source, mask)
        seconds = time.process_time() - start
        assert all(len(hypotheses[0].tokens) + 1 == length for hypotheses in found)
        applications = statistics.fmean(watched.applications or [0.0])
        encoder = watched.encoder_seconds
        return Timed(len(found) * length, seconds, encoder, (seconds - encoder) / length, applications)

    def row(self, plain: Entry) -> str:
        """Its row of the table."""
        middle = {name: statistics.median(getattr(one, name) for one in self.timed) for name in vars(self.timed[0])}
        ratios = {name: gain(self, plain, name) for name in ("seconds", "encoder", "step")}
        cells = [self.name, f"{self.beam}", self.precision]
        cells += [f"{middle['tokens'] / middle['seconds']:,.1f}", f"{ratios['seconds']:.2f}"]
        for part in ("encoder", "step"):
            cells += [f"{1000 * middle[part]:,.1f}", f"{ratios[part]:.2f}"]
        cells += [f"{middle['applications']:.1f}" if middle["applications"] else ""]
        return f"| {' | '.join(cells)} |"


def gain(entry: Entry, plain: Entry, part: str) -> float:
    """Ratio of an entry's speed to another's, median of the rounds."""
    pairs = zip(plain.timed, entry.timed, strict=True)
    return float(statistics.median(getattr(one, part) / getattr(other, part) for one, other in pairs))


def entries(path: Path, precisions: Sequence[Precision], beams: Sequence[int]) -> list[Entry]:
    """A recipe's model, untrained, in each precision and at each beam."""
    recipe = load_recipe(path, ["model.pretraining.updates=0"] * (path.stem == "deq"))
    torch.manual_seed(1)
    model = recipe.model.build(*recipe.tokenizer.vocabulary_sizes).eval().requires_grad_(requires_grad=False)
    found: list[Entry] = []
    every: tuple[Precision, ...] = ("fp32", *precisions)
    for precision in every:
        converted = with_precision(model, precision)
        found += [Entry(path.stem, converted, precision, beam) for beam in beams]
    return found


def batch(sentences: int, length: int) -> tuple[Tensor, Tensor]:
    """Random source ids that are in every vocabulary."""
    generator = torch.Generator().manual_seed(1)
    low, high = round(length * (1 - SPREAD)), round(length * (1 + SPREAD))
    lengths = torch.randint(low, high + 1, (sentences,), generator=generator).tolist()
    return pad([torch.randint(4, 30_000, (count - 1,), generator=generator).tolist() for count in lengths])


def profiled(entry: Entry, source: Tensor, mask: Tensor, length: int) -> str:
    """Prints the slowest operations in the encoder, and in a complete translation."""
    parts = []
    with torch.inference_mode(), profile(activities=[ProfilerActivity.CPU]) as encoder:
        entry.model.encode(source, mask)
    with profile(activities=[ProfilerActivity.CPU]) as everything:
        entry.run(source, mask, length)
    for title, found in (("encoder", encoder), ("encoder and search", everything)):
        table = found.key_averages().table(sort_by="self_cpu_time_total", row_limit=14, max_name_column_width=40)
        parts.append(f"\n{entry.name}, beam {entry.beam}, {entry.precision}: {title}\n{table}")
    return "\n".join(parts)


def compare(entries_of_all: Sequence[Entry]) -> list[str]:
    """Prints the speed of ConvS2S relative to GNMT, if both were measured."""
    lines = []
    by_key = {(entry.name, entry.beam, entry.precision): entry for entry in entries_of_all}
    for (name, beam, precision), entry in by_key.items():
        other = by_key.get(("gnmt", beam, precision))
        if name == "convs2s" and other:
            lines.append(f"ConvS2S over GNMT, {precision}, beam {beam}: {gain(entry, other, 'seconds'):.2f}")
    return lines


def main() -> None:
    """Reads the arguments, measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", type=Path, default=RECIPES, metavar="RECIPE")
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sentences", type=int, default=32)
    parser.add_argument("--length", type=int, default=25, help="target tokens, and source tokens on average")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS, help="beside fp32")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    keep_freed_memory()
    forget_old_kernels()
    torch.set_num_threads(1)
    source, mask = batch(arguments.sentences, arguments.length)
    found = [entry for path in arguments.recipes for entry in entries(path, arguments.precisions, arguments.beams)]
    started = time.process_time(), time.perf_counter()
    for number in range(arguments.rounds + 1):
        for entry in found:
            timed = entry.run(source, mask, arguments.length)
            print(f"round {number}: {entry.name} {entry.precision} beam {entry.beam}: {timed}", file=sys.stderr)
            if number:
                entry.timed.append(timed)
    used, passed = time.process_time() - started[0], time.perf_counter() - started[1]
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    for entry in found:
        plain = next(one for one in found if (one.name, one.beam) == (entry.name, entry.beam))
        print(entry.row(plain))
    print("\n".join(["", *compare(found)]))
    print(
        f"\n{arguments.sentences} sentences of about {arguments.length} source tokens to {arguments.length} target "
        f"tokens; one thread on {processor_name()}, torch {torch.__version__}; median of {arguments.rounds} rounds in "
        f"turns; on a core {used / passed:.0%} of the time."
    )
    if arguments.profile:
        for entry in found:
            print(profiled(entry, source, mask, arguments.length))


if __name__ == "__main__":
    main()
