"""Checks that two checkouts give identical first updates of the shipped recipes, and identical translations.

    python tests/benchmarks/same_losses.py BEFORE AFTER                             50 updates of each recipe as shipped
    python tests/benchmarks/same_losses.py BEFORE AFTER --updates 3 --lines 600 --batch-tokens 400 --vocabulary 600

Trains in fp32 from the recipe's seed with each checkout's own `nmt`, and compares every logged number exactly, then the
weights and some translations by `nmt translate` with beams 1 and 4. Prints a line per recipe; exits with status 1 if
anything differs.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

RECIPES = ("transformer_tiny", "gnmt_small", "luong_small", "convs2s_small", "deq_small")
FOLDER = "multi30k_en_de"
OWN = {"deq_small": ("model.pretraining.updates=1",)}
"""Overrides that exercise more of a recipe in few updates."""
COMPARED = ("update", "loss", "perplexity", "gradient_norm", "target_tokens", "statistics")


def corpus(folder: Path, lines: int) -> list[str]:
    """Overrides for the first lines of Multi30k, validated on some further lines."""
    data = Path(os.environ.get("NMT_DATA", "../shared/data")) / "multi30k"
    for side in ("en", "de"):
        with gzip.open(data / f"train.{side}.gz", "rt", encoding="utf-8") as file:
            (folder / f"train.{side}").write_text("".join(islice(file, lines)), encoding="utf-8")
            (folder / f"some.{side}").write_text("".join(islice(file, 20)), encoding="utf-8")
    train, some = (f"{{source: {folder}/{name}.en, target: {folder}/{name}.de}}" for name in ("train", "some"))
    files = f"kind: files, label: multi30k, source: en, target: de, training: [{train}], validation: {some}"
    return [f"corpus={{{files}}}"]


def nmt(checkout: Path, *arguments: str, text: str = "") -> str:
    """Output of the checkout's `nmt`."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-m", "nmt", *arguments]
    return subprocess.run(
        command, env=environment, cwd=checkout, input=text, check=True, capture_output=True, text=True
    ).stdout


def trained(checkout: Path, recipe: str, overrides: list[str], runs: Path, text: str) -> dict[str, Any]:
    """The numbers of each update, the weights by name, and translations."""
    nmt(checkout, "train", str(checkout / "recipes" / FOLDER / f"{recipe}.yaml"), *overrides, "--runs", str(runs))
    run = runs / FOLDER / recipe
    events = [json.loads(line) for line in (run / "train" / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    weights = next((run / "train").glob("**/weights_*.safetensors"))
    found: dict[str, Any] = {
        f"update {event['update']}": [event.get(key) for key in COMPARED]
        for event in events
        if event["event"] == "progress"
    }
    found["weights"] = {name: tensor.numpy().tobytes() for name, tensor in load_file(weights).items()}
    for beam in ("1", "4"):
        arguments = ("translate", str(run / "model"), "--beam", beam, "--precision", "fp32")
        found[f"beam {beam}"] = nmt(checkout, *arguments, text=text)
    return found


def main() -> None:
    """Compares the checkouts recipe by recipe."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--updates", type=int, default=50)
    parser.add_argument("--recipes", nargs="+", default=RECIPES, metavar="NAME")
    parser.add_argument("--lines", type=int, default=0, help="lines of the corpus; 0: the recipe's own corpus")
    parser.add_argument("--batch-tokens", type=int, default=0, help="0: the recipe's own")
    parser.add_argument("--vocabulary", type=int, default=0, help="0: the recipe's own")
    arguments = parser.parse_args()
    updates = arguments.updates
    overrides = [f"training.updates={updates}", f"training.validate_every={updates}"]
    overrides += ["training.log_every=1", "training.precision=fp32", "training.average_checkpoints=1"]
    overrides += [f"training.batch_tokens={arguments.batch_tokens}"] if arguments.batch_tokens else []
    overrides += [f"tokenizer.vocabulary_size={arguments.vocabulary}"] if arguments.vocabulary else []
    differences = 0
    print("| recipe | updates | last loss before | after | weights | beam 1 | beam 4 |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        overrides += corpus(Path(folder), arguments.lines) if arguments.lines else []
        text = "A man is sleeping.\nTwo dogs run through the snow.\nThree girls are standing in front of a house.\n"
        for recipe in arguments.recipes:
            mine = [*overrides, *OWN.get(recipe, ())]
            before, after = (
                trained(checkout.resolve(), recipe, mine, Path(folder) / name, text)
                for name, checkout in (("before", arguments.before), ("after", arguments.after))
            )
            logged = [key for key in before if key.startswith("update")]
            same = sum(before[key] == after.get(key) for key in logged)
            one, other = (found[logged[-1]][1] for found in (before, after))
            parts = ["same" if before[key] == after[key] else "DIFFER" for key in ("weights", "beam 1", "beam 4")]
            print(
                f"| {recipe} | {same} of {len(logged)} same | {one!r} | {other!r} | {' | '.join(parts)} |", flush=True
            )
            differences += (same < len(logged)) + parts.count("DIFFER")
    raise SystemExit(differences > 0)


if __name__ == "__main__":
    main()
