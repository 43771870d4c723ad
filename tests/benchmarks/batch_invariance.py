"""Checks whether a sentence's translation depends on its batch.

    python tests/benchmarks/batch_invariance.py MODEL SOURCE [--batch 64]

Translates every line of SOURCE by itself, in batches of consecutive lines, and in batches of shuffled lines, with the
model's own search, and prints how many lines differ. Matrix products of another shape are summed in another order, so
in fp32 two hypotheses whose scores agree to the last digits may swap ranks. To distinguish this from a bug, batches
with a difference are translated again in double precision, where such ties are a billion times rarer: a difference
there is a bug, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import os
import random
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter

from nmt.bundle import load_bundle
from nmt.inference.options import TranslationOptions
from nmt.inference.translator import TrainingText, Translation, Translator
from nmt.models.base import EncoderDecoder
from nmt.search import SearchConfig
from nmt.text import read_lines

ANY = 1 << 40
"""A token budget that no batch reaches, so a window of lines is one batch."""


@dataclasses.dataclass(frozen=True)
class Arrangement:
    """Which lines are translated together, by index in the file."""

    name: str
    batches: tuple[tuple[int, ...], ...]


def arrangements(lines: int, size: int, seed: int) -> list[Arrangement]:
    """The three ways: alone, in order, shuffled."""
    order = list(range(lines))
    shuffled = random.Random(seed).sample(order, lines)
    return [
        Arrangement("one by one", tuple((index,) for index in order)),
        Arrangement(f"batches of {size}", cut(order, size)),
        Arrangement(f"batches of {size}, shuffled", cut(shuffled, size)),
    ]


def cut(indices: Sequence[int], size: int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(indices[start : start + size]) for start in range(0, len(indices), size))


def translate(
    translator: Translator, lines: Sequence[str], batches: Iterable[tuple[int, ...]]
) -> dict[int, Translation]:
    """The translations of the lines in these batches, by index."""
    found: dict[int, Translation] = {}
    for batch in batches:
        found.update(zip(batch, translator.translate_window([lines[index] for index in batch]), strict=True))
    return found


def report(
    alone: dict[int, Translation],
    together: dict[int, Translation],
    exact: Translator,
    lines: Sequence[str],
    way: Arrangement,
) -> int:
    """Prints one comparison; returns the number of lines that also differ in double precision."""
    differing = [index for index in alone if alone[index].text != together[index].text]
    equal = [index for index in alone if alone[index].text == together[index].text]
    drift = max((abs(alone[index].score - together[index].score) for index in equal), default=0.0)
    print(f"{way.name}: {len(differing)} of {len(alone):,} lines differ from one by one; ", end="")
    print(f"scores of the equal ones differ by at most {drift:.1e}", flush=True)
    batches = [batch for batch in way.batches if not set(batch).isdisjoint(differing)]
    exact_alone = translate(exact, lines, ((index,) for index in differing))
    exact_together = translate(exact, lines, batches)
    defects = 0
    for index in differing:
        same = exact_alone[index].text == exact_together[index].text
        defects += not same
        one, other = alone[index], together[index]
        verdict = "rounding: equal in double precision" if same else "DEFECT: differs in double precision too"
        print(f"  line {index + 1}: scores {one.score:.7f} and {other.score:.7f}, ", end="")
        print(f"difference {other.score - one.score:+.1e}; {verdict}")
        print(f"    alone     {one.text}\n    together  {other.text}")
    return defects


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("model", type=Path, help="a model directory")
    parser.add_argument("source", type=Path, help="text, plain or gzip")
    parser.add_argument("--batch", type=int, default=64, help="sentences of a batch")
    parser.add_argument("--seed", type=int, default=1, help="of the shuffled order")
    parser.add_argument("--beam", type=int, help="instead of the recipe's")
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    bundle = load_bundle(arguments.model)
    search: SearchConfig = TypeAdapter(SearchConfig).validate_python(
        {"kind": "beam", **bundle.recipe.get("search", {})}
    )
    if arguments.beam:
        search = search.model_copy(update={"beam": arguments.beam})
    lines = list(read_lines(arguments.source))

    def translator(model: EncoderDecoder[Any, Any]) -> Translator:
        options = TranslationOptions(batch_tokens=ANY, precision="fp32")
        text = TrainingText.of(bundle.metadata)
        return Translator(model, bundle.tokenizers, search, options, training_text=text)

    single, exact = translator(bundle.model), translator(copy.deepcopy(bundle.model).double())
    first, *others = arrangements(len(lines), arguments.batch, arguments.seed)
    alone = translate(single, lines, first.batches)
    defects = sum(report(alone, translate(single, lines, way.batches), exact, lines, way) for way in others)
    return int(defects > 0)


if __name__ == "__main__":
    sys.exit(main())
