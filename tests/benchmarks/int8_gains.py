"""Quality, size, memory and speed of trained models with 8-bit weights compared with fp32, as a Markdown table.

    python tests/benchmarks/int8_gains.py [MODEL ...] [--figures quality memory speed] [--lines N] [--rounds 3]
        [--speed-lines 200] [--memory-lines 300]

A MODEL is a model directory; default: those of each backend's shipped Multi30k recipe, under runs/. Each is quantised
into a temporary folder, as by `nmt quantize`, and that directory is measured as int8. The text is test_2016_flickr.

- BLEU: of the translations with the recipe's search.
- log-perplexity: minus the mean natural log-probability of a reference token, including EOS.
- weights: size of the weights file.
- memory: peak resident memory of a process that runs `nmt translate` without workers on the first --memory-lines lines;
  the last line of the output gives the share of importing torch and the toolkit.
- tokens/s: target pieces of the translations, including EOS, per second of processor time, which other programs hardly
  affect; one thread, the first --speed-lines lines. In a round each model translates them in fp32 and in int8 in turns.
  The table has the median of the rounds, and the median of the ratios within a round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from compare_backends import processor_name  # beside this file
from deq_iterations import read_set
from pydantic import TypeAdapter

from nmt.bundle import WEIGHTS, load_bundle
from nmt.cpu import keep_freed_memory
from nmt.evaluation.bleu import Bleu
from nmt.inference.options import Precision, TranslationOptions
from nmt.inference.scoring import score_lines
from nmt.inference.translator import TrainingText, Translator
from nmt.pipeline.quantizing import quantize_model
from nmt.search import SearchConfig

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("transformer_tiny", "gnmt_small", "convs2s_small", "luong_small", "deq_small")
MODELS = [ROOT / "runs" / "multi30k_en_de" / name / "model" for name in NAMES]
TEST_SET = "test_2016_flickr"
FIGURES = ("quality", "memory", "speed")
PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")
MEMORY = """
import atexit, re, runpy, sys
status = "/proc/self/status"
atexit.register(lambda: print(re.search(r"VmHWM:\\s*(\\d+)", open(status).read())[1], file=sys.stderr))
if sys.argv[1:]:
    runpy.run_module("nmt", run_name="__main__")
else:
    import torch, sentencepiece, nmt.bundle, nmt.inference.translator
"""
"""A program that runs `nmt` and prints its peak resident memory in KiB. (The system's figure for a child process
would start from the parent's memory.)"""


@dataclass
class Side:
    """A model in one precision, and its measurements."""

    directory: Path
    precision: Precision
    bleu: float = 0.0
    log_perplexity: float = 0.0
    memory: float = 0.0
    """MiB."""
    speeds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bundle = load_bundle(self.directory)
        self.weights = (self.directory / WEIGHTS).stat().st_size / 1e6
        options = TranslationOptions.model_validate(self.bundle.recipe.get("evaluation", {}).get("translation", {}))
        self.options = options.model_copy(update={"precision": self.precision})
        search: SearchConfig = TypeAdapter(SearchConfig).validate_python(self.bundle.recipe["search"])
        text = TrainingText.of(self.bundle.metadata)
        self.translator = Translator(
            self.bundle.model, self.bundle.tokenizers, search, self.options, training_text=text
        )

    def judge(self, sources: Sequence[str], references: Sequence[str]) -> str:
        """Measures BLEU and log-perplexity; returns BLEU's signature."""
        bleu = Bleu().metric()
        hypotheses = [translation.text for translation in self.translator.translate(sources)]
        self.bleu = bleu.corpus_score(hypotheses, [list(references)]).score
        scored = list(score_lines(self.bundle.model, self.bundle.tokenizers, sources, references, self.options))
        tokens = sum(len(line.token_log_probabilities) for line in scored)
        self.log_perplexity = -sum(line.log_probability for line in scored) / tokens
        return str(bleu.get_signature())

    def race(self, sources: Sequence[str]) -> None:
        """Translates once more and records target tokens per second of processor time."""
        start = time.process_time()
        texts = [translation.text for translation in self.translator.translate(sources)]
        seconds = time.process_time() - start
        encode = self.bundle.tokenizers.target.encode
        self.speeds.append(sum(len(encode(text)) + 1 for text in texts) / seconds)

    def weigh(self, sources: Sequence[str]) -> None:
        """Measures the memory of `nmt translate`."""
        with tempfile.TemporaryDirectory() as folder:
            text = Path(folder) / "text"
            text.write_text("".join(f"{line}\n" for line in sources), encoding="utf-8")
            arguments = ["translate", self.directory, text, "-o", Path(folder) / "translations", "--workers", "0"]
            self.memory = largest_memory(*map(str, arguments), "--precision", self.precision)


def largest_memory(*arguments: str) -> float:
    """Peak MiB of a process that runs `nmt` with these arguments, or that only imports it if there are none."""
    command = [sys.executable, "-c", MEMORY, *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)}\nfailed:\n{done.stderr}")
    return int(done.stderr.splitlines()[-1]) / 1024


@dataclass(frozen=True)
class Pair:
    """A model in both precisions."""

    name: str
    plain: Side
    small: Side

    def cells(self, figures: Sequence[str]) -> dict[str, str]:
        """The table's row, by column."""
        plain, small = self.plain, self.small
        row = {"model": self.name}
        if "quality" in figures:
            row |= compared("BLEU", plain.bleu, small.bleu, "{:.2f}", "difference")
            row |= compared("log-perplexity", plain.log_perplexity, small.log_perplexity, "{:.4f}", "difference")
        row |= compared("weights, MB", plain.weights, small.weights, "{:,.1f}", "ratio")
        if "memory" in figures:
            row |= compared("memory, MiB", plain.memory, small.memory, "{:,.0f}", "ratio")
        if "speed" in figures:
            medians = statistics.median(plain.speeds), statistics.median(small.speeds)
            row |= compared("tokens/s", medians[0], medians[1], "{:,.0f}", "ratio")
            ratio = statistics.median(new / old for old, new in zip(plain.speeds, small.speeds, strict=True))
            row["tokens/s: ratio"] = f"{ratio:.2f}"
        return row


def compared(name: str, plain: float, small: float, form: str, comparison: str) -> dict[str, str]:
    """Three columns: fp32, int8, and their difference or ratio."""
    third = f"{small / plain:.3f}" if comparison == "ratio" else f"{small - plain:+.4f}"
    columns = (f"{name}: fp32", "int8", comparison)
    values = (form.format(plain), form.format(small), third)
    return dict(zip([columns[0], *(f"{name}: {column}" for column in columns[1:])], values, strict=True))


def run_directory_name(model: Path) -> str:
    """A name for a model directory, because runs call them all `model`."""
    return model.parent.name if model.name == "model" else model.name


def main() -> None:
    """Reads the arguments, measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, default=MODELS, metavar="MODEL")
    parser.add_argument("--figures", nargs="+", choices=FIGURES, default=FIGURES)
    parser.add_argument("--lines", type=int, help="of the test set, for quality; default: all")
    parser.add_argument("--rounds", type=int, default=3, help="of the measurement of speed")
    parser.add_argument("--speed-lines", type=int, default=200)
    parser.add_argument("--memory-lines", type=int, default=300)
    arguments = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    signature, figures = "", arguments.figures
    with tempfile.TemporaryDirectory() as folder:
        pairs = []
        for number, model in enumerate(arguments.models):
            small = Path(folder) / str(number)
            quantize_model(model, small)
            pairs.append(Pair(run_directory_name(model.resolve()), Side(model, "fp32"), Side(small, "int8")))
        for pair in pairs:
            sources, references = read_set(TEST_SET, pair.plain.bundle, None)
            for side in (pair.plain, pair.small):
                if "quality" in figures:
                    signature = side.judge(sources[: arguments.lines], references[: arguments.lines])
                    print(f"{pair.name} {side.precision}: {side.bleu} {side.log_perplexity}", file=sys.stderr)
                if "memory" in figures:
                    side.weigh(sources[: arguments.memory_lines])
        for number in range((arguments.rounds + 1) * ("speed" in figures)):
            for pair in pairs:
                sources, _ = read_set(TEST_SET, pair.plain.bundle, arguments.speed_lines)
                for side in (pair.plain, pair.small):
                    side.race(sources)
                    if not number:  # kernels are compiled in the first pass
                        side.speeds.clear()
    rows = [pair.cells(figures) for pair in pairs]
    print(f"| {' | '.join(rows[0])} |\n|{' --- |' * len(rows[0])}")
    for row in rows:
        print(f"| {' | '.join(row.values())} |")
    print(f"\n{TEST_SET}, one thread on {processor_name()}, torch {torch.__version__}; BLEU `{signature}`.")
    print(f"A process that only imports everything takes {largest_memory():,.0f} MiB.")


if __name__ == "__main__":
    main()
