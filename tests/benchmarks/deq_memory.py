"""Memory of one training update of a DEQ, compared with its own blocks unrolled to explicit layers.

    python tests/benchmarks/deq_memory.py [--recipe FILE] [--layers 2 6 12 24] [--precision bf16 fp32] [KEY=VALUE ...]

Takes the model of a recipe (default multi30k_en_de/deq_small, solvers as shipped, no pretraining) and the same model
with `model.explicit_steps`: a Transformer of this many layers with shared weights, whose steps are recorded for
backpropagation. Two more rows are the DEQ with 10 and 40 iterations of all its solvers (tolerance 0), on which memory
must not depend. All run the update on the same batch, the first of the recipe's first epoch on Multi30k
(`training.batch_tokens` as one micro-batch; --synthetic: random ids of a similar shape), on a CPU with one thread, from
fresh weights with the same seed. A first update beforehand creates gradients, optimiser state and compiled kernels.
KEY=VALUE change the recipe, as in `nmt train`. If the recipe's vocabulary is larger than Multi30k supports, the text is
tokenised into 8000 pieces, and the model has its full size.

`peak`: peak resident memory during the update (VmHWM, reset before) minus that before. Each row has its own process, in
which the C library returns freed memory at once, so nothing freed is counted.
`kept`: bytes that autograd keeps for the backward pass, each storage once, without parameters. Excludes working memory
of the solvers and temporary results.
`body`: both again with a vocabulary of 8 (all pieces mapped to 4 of them, everything else equal), so without logits,
their gradients and those of the embeddings, which are the same in all rows: only encoder and decoder, as in published
figures.
`less`: saving of the DEQ compared with that row.
`time`: processor time of an update relative to the DEQ's, with freed memory kept as in training.
`iterations`: mean iterations of the encoder's and decoder's forward and backward solvers in that update.

Exits with status 1 if the DEQ's body saves less than --least of the peak of the deepest unrolled one.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from other_work import OtherWork  # beside this file
from preparation_memory import ROOT, status_kib

sys.path.insert(0, str(ROOT))

from nmt.cpu import keep_freed_memory
from nmt.data.batch import Batch, collate
from nmt.data.pairs import ParallelFiles
from nmt.data.sampler import BatchSampler
from nmt.data.store import PairStore, build_store
from nmt.models.deq import DEQ, Pretraining
from nmt.nn.equilibrium import Implicit
from nmt.recipe import Recipe, load_recipe
from nmt.text import read_lines
from nmt.tokenizer.sentencepiece import SentencePieceOptions
from nmt.training.flat import FlatParameters
from nmt.training.objectives.likelihood import cross_entropy
from nmt.training.optimizer import set_learning_rate
from nmt.training.options import Training

Ids = list[list[int]]

DEFAULT = ROOT / "recipes" / "multi30k_en_de" / "deq_small.yaml"
PIECES = 8000
SPECIALS = 4
SMALL = 8
SHORTEST_MAPPING = 16 << 10  # bytes; larger blocks are mapped separately and unmapped when freed
FORGETFUL = {"MALLOC_MMAP_THRESHOLD_": str(SHORTEST_MAPPING), "MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_TOP_PAD_": "0"}
FORGETFUL |= {"MALLOC_MMAP_MAX_": "60000", "MALLOC_ARENA_MAX": "1"}
MIB = 1 << 20
COLUMNS = (
    *("model", "iterations", "peak, MiB", "less", "kept, MiB", "less"),
    *("body: peak, MiB", "less", "body: kept, MiB", "less", "time"),
)


def vocabulary_size(recipe: Recipe) -> int:
    """Size of the recipe's vocabulary, in pieces."""
    assert isinstance(recipe.tokenizer, SentencePieceOptions)
    return recipe.tokenizer.vocabulary_size


def real_batch(recipe: Recipe) -> tuple[Ids, Ids]:
    """The first batch of training on Multi30k, English to German."""
    data = Path(os.environ.get("NMT_DATA", ROOT.parent / "shared" / "data")) / "multi30k"
    training = recipe.training
    options = recipe.tokenizer.model_copy(update={"vocabulary_size": min(vocabulary_size(recipe), PIECES)})
    with tempfile.TemporaryDirectory() as folder:
        sides = [Path(folder) / language for language in ("en", "de")]
        for side in sides:
            lines = read_lines(data / f"train.{side.name}.gz")
            side.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        tokenizers = options.train(sides[0], sides[1], Path(folder) / "tokenizer")
        build_store(ParallelFiles(*sides), tokenizers, Path(folder) / "ids")
        store = PairStore(Path(folder) / "ids")
        sampler = BatchSampler(store, training.batch_tokens, training.seed, training.max_length)
        pairs = next(sampler.epoch(1)).tolist()
        return [store.source(pair).tolist() for pair in pairs], [store.target(pair).tolist() for pair in pairs]


def synthetic_batch(recipe: Recipe) -> tuple[Ids, Ids]:
    """Random sentences of 10 to 15 pieces, as is usual in Multi30k."""
    random = np.random.default_rng(recipe.training.seed)
    lengths = random.integers(10, 16, (recipe.training.batch_tokens // 16, 2))
    sides = [[random.integers(SPECIALS, PIECES, length).tolist() for length in side] for side in lengths.T]
    return sides[0], sides[1]


def few_pieces(sentences: Ids) -> Ids:
    """The same sentences mapped to a vocabulary of size SMALL."""
    return [[SPECIALS + piece % (SMALL - SPECIALS) for piece in sentence] for sentence in sentences]


class Update:
    """One model and its update on one batch, as in the trainer."""

    def __init__(self, setting: Mapping[str, Any]) -> None:
        vocabulary = setting["vocabulary"]
        sources, targets = setting["batch"]
        if vocabulary == SMALL:
            sources, targets = few_pieces(sources), few_pieces(targets)
        self.batch: Batch = collate(sources, targets)
        self.options = Training.model_validate(setting["training"])
        self.bf16 = setting["precision"] == "bf16"
        torch.manual_seed(self.options.seed)
        self.model = DEQ.Config.model_validate(setting["model"]).build(vocabulary, vocabulary).train()
        self.flat = FlatParameters(self.model, extra=0)
        self.optimizer = self.options.optimizer.build(self.flat.groups)
        set_learning_rate(self.optimizer, self.options.schedule.rate(1, self.options.updates, 0))

    def forward(self) -> torch.Tensor:
        """The loss."""
        self.flat.zero()
        torch.manual_seed(self.options.seed)  # the same dropout masks every time
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            return cross_entropy(self.model, self.batch, self.options.label_smoothing).loss

    def __call__(self) -> None:
        self.forward().backward()  # type: ignore[no-untyped-call] # torch's own
        self.options.gradient.apply(self.flat.gradients, 1.0 / self.batch.target_tokens, key=self.options.seed)
        self.optimizer.step()

    def iterations(self) -> dict[str, float]:
        """Runs an update; returns mean iterations over its rows, by solver."""
        seen: dict[str, torch.Tensor] = {}
        decode = self.model.decode

        def watched(*arguments: Any, **options: Any) -> Any:
            output = decode(*arguments, **options)
            seen.update(output.statistics)
            return output

        self.model.decode = watched  # type: ignore[method-assign] # only for one update
        try:
            self()
        finally:
            del self.model.decode
        return {name: float(value.float().mean()) for name, value in seen.items() if "iterations" in name}

    def kept(self) -> int:
        """Bytes that autograd keeps, without parameters."""
        parameters = self.flat.values.untyped_storage().data_ptr()
        storages: dict[int, int] = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() != parameters:
                storages[storage.data_ptr()] = storage.nbytes()
            return tensor.detach()

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            loss = self.forward()  # keeps all of them, so no address is reused
        assert loss.grad_fn is not None
        return sum(storages.values())


def peak(run: Callable[[], None]) -> int:
    """Largest rise of the resident memory, in bytes."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets VmHWM
    before = status_kib("VmRSS")
    run()
    return (status_kib("VmHWM") - before) << 10


def measure(setting: Mapping[str, Any]) -> dict[str, Any]:
    """Measurements of one process."""
    torch.set_num_threads(1)
    update = Update(setting)
    found: dict[str, Any] = {"iterations": update.iterations()}
    found |= {"peak": peak(update), "kept": update.kept()}
    keep_freed_memory()
    seconds = []
    for _ in range(setting["rounds"]):
        start = time.process_time()
        update()
        seconds.append(time.process_time() - start)
    return found | {"seconds": min(seconds, default=0.0)}


def measure_elsewhere(setting: Mapping[str, Any]) -> dict[str, Any]:
    """The same in a separate process."""
    environment = os.environ | FORGETFUL | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, __file__, "--child"]
    done = subprocess.run(
        command, check=True, env=environment, input=json.dumps(setting), stdout=subprocess.PIPE, text=True
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def variants(config: DEQ.Config, layers: Sequence[int]) -> dict[str, DEQ.Config]:
    """The rows of the table, the DEQ first."""
    deq = config.model_copy(update={"explicit_steps": 0, "pretraining": Pretraining()})
    rows = {"DEQ": deq}
    rows |= {f"{count} explicit layers": deq.model_copy(update={"explicit_steps": count}) for count in layers}
    for count in (10, 40):
        limits = {"tolerance": 0.0, "max_iterations": count}
        changes: dict[str, Any] = {
            side: getattr(deq, side).model_copy(update=limits) for side in ("encoder_solver", "decoder_solver")
        }
        if isinstance(deq.gradient, Implicit):
            solver = deq.gradient.solver.model_copy(update=limits)
            changes["gradient"] = deq.gradient.model_copy(update={"solver": solver})
        rows[f"DEQ, {count} iterations"] = deq.model_copy(update=changes)
    return rows


def iterations(means: Mapping[str, float]) -> str:
    """Iterations of encoder, decoder, and their backward solvers."""
    names = [f"{side}{way}_iterations" for way, side in product(("", "_backward"), ("encoder", "decoder"))]
    return ", ".join(f"{means[name]:.1f}" for name in names if name in means) or "–"


def row(name: str, whole: Mapping[str, Any], body: Mapping[str, Any], deq: Sequence[Mapping[str, Any]]) -> str:
    """Returns a row of the table; `deq` has the figures of the DEQ, whole and body."""
    cells = [name, iterations(whole["iterations"])]
    for (found, ours), kind in product(zip((whole, body), deq, strict=True), ("peak", "kept")):
        less = f"{1 - ours[kind] / found[kind]:.0%}" if "explicit" in name else ""
        cells += [f"{found[kind] / MIB:,.0f}", less]
    return f"| {' | '.join([*cells, format(whole['seconds'] / deq[0]['seconds'], '.1f')])} |"


def table(recipe: Recipe, batch: tuple[Ids, Ids], precision: str, layers: Sequence[int], rounds: int) -> float:
    """Measures and prints the rows; returns how much the DEQ's body saves compared with the deepest one's."""
    assert isinstance(recipe.model, DEQ.Config)
    print(f"\n{precision}:\n\n| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}", flush=True)
    bodies: dict[str, float] = {}
    deq: list[dict[str, Any]] = []
    for name, config in variants(recipe.model, layers).items():
        setting = {
            "model": config.model_dump(mode="json"),
            "training": recipe.training.model_dump(mode="json"),
            "precision": precision,
            "batch": batch,
        }
        whole = measure_elsewhere(setting | {"vocabulary": vocabulary_size(recipe), "rounds": rounds})
        body = measure_elsewhere(setting | {"vocabulary": SMALL, "rounds": 0})
        deq = deq or [whole, body]
        bodies[name] = body["peak"]
        print(row(name, whole, body, deq), flush=True)
    return 1 - bodies["DEQ"] / bodies[f"{max(layers)} explicit layers"]


def main() -> int:
    """Reads the arguments, measures, and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--recipe", type=Path, default=DEFAULT)
    parser.add_argument("--layers", type=int, nargs="+", default=[2, 6, 12, 24])
    parser.add_argument("--precision", choices=["bf16", "fp32"], nargs="+", default=["bf16"])
    parser.add_argument("--synthetic", action="store_true", help="a batch of random ids")
    parser.add_argument("--rounds", type=int, default=3, help="updates, of which the fastest counts")
    parser.add_argument("--least", type=float, default=0.8, help="saving that passes")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(measure(json.load(sys.stdin))))
        return 0
    recipe = load_recipe(arguments.recipe, arguments.overrides)
    if not isinstance(recipe.model, DEQ.Config):
        parser.error(f"{arguments.recipe}: model.kind is {recipe.model.kind}, not deq")
    batch = (synthetic_batch if arguments.synthetic else real_batch)(recipe)
    longest = [max(map(len, side)) + 1 for side in batch]  # with EOS
    others = OtherWork()
    savings = [table(recipe, batch, precision, arguments.layers, arguments.rounds) for precision in arguments.precision]
    print(
        f"\n{recipe.name}: {len(batch[0])} sentences of at most {longest[0]} pieces and {longest[1]} of their "
        f"translations, vocabulary {vocabulary_size(recipe):,}; torch {torch.__version__}. "
        f"Other programs took {others.share():.0%} of {os.cpu_count()} cores meanwhile."
    )
    return int(min(savings) < arguments.least)


if __name__ == "__main__":
    sys.exit(main())
