"""BLEU, perplexity, speed and work of a DEQ by iterations of its decoder's solver, as a Markdown table.

    python tests/benchmarks/deq_iterations.py MODEL --tied TIED_MODEL [--iterations 1 2 3 4 6 8 10 15 30]
        [--tolerances 1e-2 ...] [--solvers picard anderson] [--dampings 1.0 ...] [--starts previous zero embedding]
        [--set test_2016_flickr] [--lines N] [--rounds 3] [--speed-lines 200] [--precision fp32] [--plot FILE.png]

MODEL is the model directory of a trained DEQ, TIED_MODEL that of its weight-tied counterpart with explicit steps, such
as runs/multi30k_en_de/deq_small/model and runs/multi30k_en_de/tied_small/model. Only the decoder's solver is changed in
the loaded model, not its weights or its encoder's solver. Every combination of the given values is a row; all other
settings are those of the model's recipe. --starts sets where the solver starts at a new position during search: at the
equilibrium of the previous position (the default), at zero, or at the position's embedding.

The test set is translated with the recipe's search and one thread. Then all rows, including the tied model's, take
turns at translating its first --speed-lines lines. `tokens/s` is the median of the rounds, in target pieces (including
EOS) per second of processor time, which other programs hardly affect; `speed` is relative to the tied model. Two
columns count applications of the decoder's block per token:

- `needed`: until the row has converged, plus one for the keys and values; the mean over all steps of the search and all
  their rows, including hypotheses that are dropped later and the copies in the first step;
- `computed`: also those spent waiting for slower rows of the same step, until the sentence leaves the computation.

`at the cap` is the share of rows that used all iterations. Perplexity is that of the references, teacher-forced with
the same solver, which starts at zero there.
"""

from __future__ import annotations

import argparse
import copy
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from compare_backends import processor_name  # beside this file
from pydantic import TypeAdapter
from torch import Tensor

from nmt.bundle import Bundle, load_bundle
from nmt.evaluation.bleu import Bleu
from nmt.inference.options import TranslationOptions
from nmt.inference.scoring import score_lines
from nmt.inference.translator import TrainingText, Translator
from nmt.models.deq import DEQ, DEQState
from nmt.models.deq_blocks import DecoderBlock
from nmt.nn.fixed_point import Anderson, Picard
from nmt.search import SearchConfig
from nmt.text import read_lines

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("NMT_DATA", ROOT.parent / "shared" / "data")) / "multi30k"
FILES = {"validation": "val"}
SOLVERS: dict[str, type[Picard] | type[Anderson]] = {"picard": Picard, "anderson": Anderson}
COLUMNS = (
    *("solver", "cap", "tolerance", "BLEU", "perplexity", "applications per token: needed", "computed"),
    *("at the cap", "tokens/s", "speed"),
)

Start = Callable[[DEQ, Tensor, DEQState], Tensor]
"""The first iterate [N, D] for the newest tokens [B, K]."""


def _embedded(model: DEQ, tokens: Tensor, state: DEQState) -> Tensor:
    embedded: Tensor = model.target_embedding(tokens) + model.positions.at(state.decoded.length)
    return embedded.flatten(0, 1)


STARTS: dict[str, Start] = {
    "previous": lambda _model, _tokens, state: state.last,
    "zero": lambda _model, _tokens, state: torch.zeros_like(state.last),
    "embedding": lambda model, tokens, state: _embedded(model, tokens, state).to(state.last.dtype),
}


@dataclass
class Work:
    """Sums over the steps of a search."""

    cap: int
    rows: int = 0
    needed: int = 0
    computed: int = 0
    at_cap: int = 0

    def add(self, applications: Tensor) -> None:
        """Adds applications [N] int64 of one step."""
        self.rows += len(applications)
        self.needed += int(applications.sum())
        self.at_cap += int((applications > self.cap).sum())  # the last one is for the keys and values


@contextmanager
def computed(work: Work) -> Iterator[None]:
    """Counts the rows to which the decoder's block is applied."""
    step = DecoderBlock.step

    def counting(block: DecoderBlock, z: Tensor, *arguments: Any, **options: Any) -> Any:
        work.computed += z.shape[:-1].numel()
        return step(block, z, *arguments, **options)

    with patch.object(DecoderBlock, "step", counting):
        yield


@dataclass
class Row:
    """One way of decoding, and its measurements."""

    bundle: Bundle
    solver: Picard | Anderson | None
    """None if the model takes explicit steps."""
    start: str
    precision: str
    work: Work = field(init=False)
    bleu: float = 0.0
    perplexity: float = 0.0
    speeds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        model = copy.copy(self.bundle.model)  # shares all tensors
        assert isinstance(model, DEQ)
        if self.solver is not None:
            model.config = model.config.model_copy(update={"decoder_solver": self.solver})
        self.model = model
        self.work = Work(self.solver.max_iterations if self.solver else model.config.explicit_steps)
        self.options = TranslationOptions.model_validate(self.bundle.recipe["evaluation"]["translation"])
        self.options = self.options.model_copy(update={"precision": self.precision})

    def translator(self, work: Work | None = None) -> Translator:
        """Translates with the recipe's search and adds to `work`."""
        search: SearchConfig = TypeAdapter(SearchConfig).validate_python(self.bundle.recipe["search"])
        text = TrainingText.of(self.bundle.metadata)
        made = Translator(self.model, self.bundle.tokenizers, search, self.options, training_text=text)
        made.model = copy.copy(made.model)  # a copy of the model may be the model itself
        model = made.model
        assert isinstance(model, DEQ)
        step, start = model.step, STARTS[self.start]

        def watched(tokens: Tensor, memory: Any, state: DEQState, *, need_attention: bool = False) -> Any:
            before = state.applications
            state = replace(state, last=start(model, tokens, state))
            output = step(tokens, memory, state, need_attention=need_attention)
            if work is not None:
                work.add(output.state.applications - before)
            return output

        made.model.step = watched  # type: ignore[method-assign] # only in this copy
        return made

    def judge(self, sources: Sequence[str], references: Sequence[str]) -> str:
        """Measures BLEU, perplexity and work; returns BLEU's signature."""
        with computed(self.work):
            hypotheses = [translation.text for translation in self.translator(self.work).translate(sources)]
        bleu = Bleu().metric()
        self.bleu = bleu.corpus_score(hypotheses, [list(references)]).score
        scored = list(score_lines(self.model, self.bundle.tokenizers, sources, references, self.options))
        tokens = sum(len(line.token_log_probabilities) for line in scored)
        self.perplexity = math.exp(-sum(line.log_probability for line in scored) / tokens)
        return str(bleu.get_signature())

    def race(self, sources: Sequence[str]) -> None:
        """Translates once more and records target tokens per second of processor time."""
        translator, start = self.translator(), time.process_time()
        texts = [translation.text for translation in translator.translate(sources)]
        seconds = time.process_time() - start
        encode = self.bundle.tokenizers.target.encode
        self.speeds.append(sum(len(encode(text)) + 1 for text in texts) / seconds)

    @property
    def name(self) -> str:
        """The solver in words."""
        if self.solver is None:
            return f"{self.model.config.explicit_steps} explicit steps"
        parts: list[str] = [self.solver.kind]
        parts += [f"damping {self.solver.damping}"] if self.solver.damping < 1 else []
        parts += [f"from {self.start}"] if self.start != "previous" else []
        return ", ".join(parts)

    def cells(self, tied: float) -> str:
        """The table's row; `tied` is the tied model's speed, 0 if there is none."""
        work, speed = self.work, statistics.median(self.speeds or [0.0])
        limits = [f"{work.cap}", f"{self.solver.tolerance:g}"] if self.solver else ["", ""]
        cells = [self.name, *limits, f"{self.bleu:.2f}", f"{self.perplexity:.3f}"]
        cells += [f"{work.needed / work.rows:.2f}", f"{work.computed / work.rows:.2f}"]
        cells += [f"{work.at_cap / work.rows:.1%}" if self.solver else "", f"{speed:,.0f}"]
        return f"| {' | '.join([*cells, f'{speed / tied:.2f}' if tied else ''])} |"


def rows(bundle: Bundle, arguments: argparse.Namespace) -> list[Row]:
    """The combinations requested on the command line."""
    assert isinstance(bundle.model, DEQ)
    own = bundle.model.config.decoder_solver
    solvers = [own if name == own.kind else SOLVERS[name]() for name in arguments.solvers or [own.kind]]
    values = (
        solvers,
        arguments.dampings or [own.damping],
        arguments.tolerances or [own.tolerance],
        arguments.starts,
        arguments.iterations,
    )
    return [
        Row(
            bundle,
            solver.model_copy(update={"damping": damping, "tolerance": tolerance, "max_iterations": cap}),
            start,
            arguments.precision,
        )
        for solver, damping, tolerance, start, cap in product(*values)
    ]


def read_set(name: str, bundle: Bundle, most: int | None) -> tuple[list[str], list[str]]:
    """Source and reference."""
    languages = bundle.metadata.source_language, bundle.metadata.target_language
    sources, references = (list(read_lines(DATA / f"{FILES.get(name, name)}.{language}.gz")) for language in languages)
    return sources[:most], references[:most]


def plot(file: Path, found: Sequence[Row], tied: Row | None) -> None:
    """Plots BLEU and speed against the iteration limit."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no plot: matplotlib is not installed", file=sys.stderr)
        return
    figure = Figure(figsize=(7, 7), layout="constrained")
    curves: dict[str, list[Row]] = {}
    for row in found:
        assert row.solver is not None
        curves.setdefault(f"{row.name}, tolerance {row.solver.tolerance:g}", []).append(row)
    base = statistics.median(tied.speeds) if tied and tied.speeds else 0.0
    parts: list[tuple[str, Callable[[Row], float]]] = [("BLEU", lambda row: row.bleu)]
    if all(row.speeds for row in found):
        what = "speed relative to the tied model" if base else "target tokens per second"
        parts.append((what, lambda row: statistics.median(row.speeds) / (base or 1.0)))
    for number, (label, value) in enumerate(parts, 1):
        axes = figure.add_subplot(len(parts), 1, number, xlabel="largest number of iterations", ylabel=label)
        for name, curve in curves.items():
            axes.plot([row.work.cap for row in curve], [value(row) for row in curve], marker="o", label=name)
        if tied:
            axes.axhline(value(tied), linestyle="--", color="grey", label=tied.name)
        axes.grid(visible=True)
        axes.legend()
    figure.savefig(file)


def load(parser: argparse.ArgumentParser, directory: Path, *, explicit: bool) -> Bundle:
    """Loads a model; exits if it is of the other kind."""
    bundle = load_bundle(directory)
    if not isinstance(bundle.model, DEQ) or bool(bundle.model.config.explicit_steps) is not explicit:
        parser.error(f"{directory}: expected a DEQ {'with explicit steps' if explicit else 'that solves'}")
    return bundle


def main() -> None:
    """Reads the arguments, measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("--tied", type=Path, metavar="TIED_MODEL")
    parser.add_argument("--iterations", type=int, nargs="+", default=[1, 2, 3, 4, 6, 8, 10, 15, 30])
    parser.add_argument("--tolerances", type=float, nargs="+", help="default: the model's")
    parser.add_argument("--solvers", choices=SOLVERS, nargs="+", help="default: the model's")
    parser.add_argument("--dampings", type=float, nargs="+", help="default: the model's")
    parser.add_argument("--starts", choices=STARTS, nargs="+", default=["previous"])
    parser.add_argument("--set", default="test_2016_flickr", help="or validation")
    parser.add_argument("--lines", type=int, help="of the set; default: all")
    parser.add_argument("--rounds", type=int, default=3, help="of the measurement of speed; 0 for none")
    parser.add_argument("--speed-lines", type=int, default=200, help="translated in each round")
    parser.add_argument("--precision", choices=["fp32", "bf16", "int8"], default="fp32")
    parser.add_argument("--plot", type=Path, metavar="FILE.png")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    bundle = load(parser, arguments.model, explicit=False)
    found = rows(bundle, arguments)
    tied = None
    if arguments.tied:
        tied = Row(load(parser, arguments.tied, explicit=True), None, "previous", arguments.precision)
    sources, references = read_set(arguments.set, bundle, arguments.lines)
    everything = [*([tied] if tied else []), *found]
    signature = ""
    for row in everything:
        signature = row.judge(sources, references)
        print(row.cells(0.0), file=sys.stderr, flush=True)
    started = time.process_time(), time.perf_counter()
    for _ in range(arguments.rounds):
        for row in everything:
            row.race(sources[: arguments.speed_lines])
    used, passed = time.process_time() - started[0], time.perf_counter() - started[1]
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    for row in everything:
        print(row.cells(statistics.median(tied.speeds) if tied and tied.speeds else 0.0))
    print(f"\n{arguments.set}, {len(sources):,} lines, {arguments.precision}; BLEU `{signature}`.")
    if arguments.rounds:
        print(
            f"Speed: one thread on {processor_name()}, median of {arguments.rounds} rounds in turns of "
            f"{min(arguments.speed_lines, len(sources))} lines; on a core {used / passed:.0%} of the time."
        )
    if arguments.plot:
        plot(arguments.plot, found, tied)


if __name__ == "__main__":
    main()
