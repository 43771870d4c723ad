"""Decoding speed of recipes' models relative to the first one, by the length of the translations.

    python tests/benchmarks/forced_lengths.py RECIPE RECIPE [...] [--lengths 16 64 256] [--beams 1 5] [--precision int8]

The models have random weights, so nothing needs to be trained: every search is forced to the given number of tokens
by a minimum and a maximum length. Sources are random tokens, half as long. One process with one thread decodes; the
models take turns. Each entry of the table is a median over rounds of the ratio of processor times, the first recipe's
over this one's, in the same round: above 1 is faster than the first recipe.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from nmt.inference.options import Precision
from nmt.inference.precision import with_precision
from nmt.models.base import EncoderDecoder
from nmt.nn.twin import evaluating
from nmt.recipe import load_recipe
from nmt.search.dispatch import find_hypotheses
from nmt.search.options import BeamSearch

SENTENCES = 32


def random_model(path: Path, vocabulary: int, precision: Precision) -> EncoderDecoder[Any, Any]:
    """The recipe's model with fresh weights, ready to decode."""
    torch.manual_seed(1)
    return evaluating(with_precision(load_recipe(path).model.build(vocabulary, vocabulary), precision))


@torch.inference_mode()
def seconds(model: EncoderDecoder[Any, Any], source: torch.Tensor, beam: int, length: int) -> float:
    """Processor time of one search whose translations all have `length` tokens."""
    search = BeamSearch(beam=beam, min_length=length, max_length_factor=0.0, max_length_offset=length)
    start = time.process_time()
    found = find_hypotheses(search, model, source, torch.ones_like(source, dtype=torch.bool))
    assert all(len(best.tokens) == length for best, *_ in found)
    return time.process_time() - start


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("recipes", nargs="+", type=Path, metavar="RECIPE")
    parser.add_argument("--lengths", nargs="+", type=int, default=[16, 64, 256])
    parser.add_argument("--beams", nargs="+", type=int, default=[1, 5])
    parser.add_argument("--precision", choices=["fp32", "bf16", "int8"], default="int8")
    parser.add_argument("--vocabulary", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    models = [random_model(path, arguments.vocabulary, arguments.precision) for path in arguments.recipes]
    print("| beam | tokens a line | " + " | ".join(f"`{path.stem}`" for path in arguments.recipes) + " |")
    print("| --- " * (2 + len(models)) + "|", flush=True)
    for beam in arguments.beams:
        for length in arguments.lengths:
            source = torch.randint(4, arguments.vocabulary, (SENTENCES, max(1, length // 2)))
            for model in models:  # not counted: kernels are chosen and memory is taken
                seconds(model, source, beam, min(length, 16))
            rounds = [[seconds(model, source, beam, length) for model in models] for _ in range(arguments.rounds)]
            ratios = [statistics.median(each[0] / each[i] for each in rounds) for i in range(len(models))]
            print(f"| {beam} | {length} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |", flush=True)


if __name__ == "__main__":
    main()
