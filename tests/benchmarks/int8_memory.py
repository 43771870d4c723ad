"""Disk and memory of full-size models in fp32 and in int8, with random weights, as a Markdown table.

    python tests/benchmarks/int8_memory.py [RECIPE ...] [--lines 64] [--beam 4]

The models are those of the WMT14 recipes, with 32,000 pieces. `memory` is the peak resident memory of a process that
runs `nmt translate` without workers on the first lines of newstest2014, as in int8_gains.py, and `quantising` that of
`nmt quantize`. Random weights do not end translations, so each gets as many tokens as its source.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import torch
from compare_backends import processor_name  # beside this file
from decoding_speed_data import VOCABULARY, news, write_random_base
from int8_full_size import RECIPES
from int8_gains import compared, largest_memory

from nmt.bundle import TOKENIZER, WEIGHTS, read_metadata, save_bundle
from nmt.models.weights import parameter_count
from nmt.recipe import load_recipe
from nmt.tokenizer import load_tokenizers

SEARCH = ("--max-length-factor", "1", "--max-length-offset", "0")


def write_model(recipe_file: Path, like: Path, directory: Path) -> None:
    """Writes an untrained model of a recipe with the vocabulary of another model directory."""
    recipe = load_recipe(recipe_file, ["model.pretraining.updates=0"] * (recipe_file.stem == "deq"))
    torch.manual_seed(1)
    model = recipe.model.build(VOCABULARY, VOCABULARY)
    metadata = read_metadata(like).model_copy(update={"parameters": parameter_count(model)})
    save_bundle(directory, model, load_tokenizers(like / TOKENIZER), recipe.model_dump(mode="json"), metadata)


def measured(recipe_file: Path, like: Path, text: Path, beam: int) -> dict[str, str]:
    """A recipe's row of the table, by column."""
    sizes, memory = [], []
    with tempfile.TemporaryDirectory() as folder:
        plain, small = Path(folder) / "fp32", Path(folder) / "int8"
        write_model(recipe_file, like, plain)
        quantising = largest_memory("quantize", str(plain), str(small))
        for directory in (plain, small):
            sizes.append((directory / WEIGHTS).stat().st_size / 1e6)
            arguments = ["translate", str(directory), str(text), "-o", str(Path(folder) / "out"), "--workers", "0"]
            arguments += ["--beam", str(beam), "--precision", directory.name, *SEARCH]
            memory.append(largest_memory(*arguments))
            print(recipe_file.stem, directory.name, sizes[-1], memory[-1], file=sys.stderr, flush=True)
    row = {"model": recipe_file.stem}
    row |= compared("weights, MB", sizes[0], sizes[1], "{:,.0f}", "ratio")
    row |= compared("memory, MiB", memory[0], memory[1], "{:,.0f}", "ratio")
    return row | {"quantising, MiB": f"{quantising:,.0f}"}


def main() -> None:
    """Reads the arguments, measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", type=Path, default=RECIPES, metavar="RECIPE")
    parser.add_argument("--lines", type=int, default=64)
    parser.add_argument("--beam", type=int, default=4)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        base, text = Path(folder) / "base", Path(folder) / "text"
        write_random_base(base)
        text.write_text("".join(f"{line}\n" for line in news(arguments.lines)), encoding="utf-8")
        rows = [measured(path, base / "model", text, arguments.beam) for path in arguments.recipes]
    print(f"| {' | '.join(rows[0])} |\n|{' --- |' * len(rows[0])}")
    for row in rows:
        print(f"| {' | '.join(row.values())} |")
    print(
        f"\n{arguments.lines} lines of newstest2014, beam {arguments.beam}; one thread on {processor_name()}, torch "
        f"{torch.__version__}. A process that only imports everything takes {largest_memory():,.0f} MiB."
    )


if __name__ == "__main__":
    main()
