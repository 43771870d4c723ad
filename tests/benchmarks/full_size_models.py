"""The WMT14 recipes at full size: each model is built with its full vocabulary and runs three real updates.

    python tests/benchmarks/full_size_models.py [RECIPE ...] [--parts 2] [--directory DIR]

Real text (Multi30k, and for German also the Europarl sample; see NMT_DATA) is packed into archives of WMT14's layout
and served over loopback HTTP. Then `nmt train` runs each shipped recipe in a separate process with one thread, one
after another, with these changes: three updates instead of all, a validation set of two sentences, a vocabulary that
was trained before (recipes with the same options share it), and only --parts of the parts of a batch
(`training.micro_batches`). Parts have the recipe's size and are computed one after another, so memory is that of the
complete batch, and a complete update takes proportionally longer, except for the optimiser. gnmt_rl starts from the
model of gnmt; since an untrained model hardly ever ends its samples, they are cut at the length of the source, about
where a trained model would end them. deq skips pretraining, whose updates are cheap, so the updates solve for fixed
points.

So little text does not always support 32,000 to 40,000 pieces. Missing pieces are replaced by symbols that do not occur
in the text (`padding` gives their number), so the matrices have their full size; a step costs the same.

Prints a Markdown table: parameters and the published count; pieces and how many of them are padding; the recipe's batch
in tokens and its parts; target tokens of the three updates; seconds of the second and third, in processor time (which
other programs hardly affect) and wall time; the precision used on this processor; and the peak resident memory of the
whole run, most of which is training. The last line gives the share of the cores that other programs used meanwhile.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from other_work import OtherWork  # beside this file
from preparation_memory import ROOT

sys.path.insert(0, str(ROOT))

from nmt.errors import UserError
from nmt.pipeline.run import run_directory
from nmt.recipe import Recipe, load_recipe
from nmt.recipe.show import as_yaml
from nmt.text import read_lines
from nmt.tokenizer import save_tokenizers
from nmt.tokenizer.existing import ExistingTokenizer
from nmt.tokenizer.sentencepiece import SentencePieceOptions
from nmt.training.precision import resolve_precision
from tests.loopback import serving
from tests.wmt14_archives import Checksums, Pair, write_archives

NAMES = ("gnmt", "gnmt_rl", "convs2s", "deq", "transformer_base", "transformer_big")
RECIPES = [ROOT / "recipes" / f"wmt14_en_{other}" / f"{name}.yaml" for other in ("de", "fr") for name in NAMES]
PUBLISHED = {"gnmt": "278M", "gnmt_rl": "278M", "transformer_base": "65M", "transformer_big": "213M"}
UPDATES = 3
HELD_OUT = 2

COLUMNS = (
    *("recipe", "parameters", "published", "vocabulary", "padding", "batch", "parts", "target tokens of an update"),
    *("processor seconds", "seconds", "precision", "peak memory"),
)


@dataclass(frozen=True)
class Settings:
    """Settings from the command line."""

    directory: Path
    parts: int


def real_pairs(name: str, other: str) -> list[Pair]:
    """Lines of Multi30k, or unescaped lines of the Europarl sample."""
    data = Path(os.environ.get("NMT_DATA", ROOT.parent / "shared" / "data"))
    sides = [map(html.unescape, read_lines(data / f"{name}.{language}.gz")) for language in ("en", other)]
    return list(zip(*sides, strict=True))


def serve_folder(folder: Path, other: str) -> Checksums:
    training = {"commoncrawl": real_pairs("multi30k/train", other)}
    if other == "de":
        training["europarl-v7"] = real_pairs("europarl_sample/train.tok", other)
    held = real_pairs("multi30k/val", other)[:HELD_OUT]
    folder.mkdir(parents=True, exist_ok=True)
    return write_archives(folder, other, training, {f"newstest{year}": held for year in (2012, 2013, 2014)})


def overrides_of(path: Path, settings: Settings, checksums: Checksums, address: str) -> list[str]:
    other = path.parent.name.rpartition("_")[2]
    parts = "[europarl-v7, commoncrawl]" if other == "de" else "[commoncrawl]"
    result = [f"corpus.training={parts}", f"corpus.address={address}", f"corpus.checksums={json.dumps(checksums)}"]
    result += [f"corpus.archives={settings.directory / other}", f"training.updates={UPDATES}", "training.log_every=1"]
    result += ["training.processes=1", "training.device=cpu"]
    if path.stem == "gnmt_rl":
        result += [f"training.start_from={settings.directory / 'runs' / path.parent.name / 'gnmt' / 'model'}"]
        result += ["training.refine.max_length_factor=1.0", "training.refine.max_length_offset=0"]
    if path.stem == "deq":
        result += ["model.pretraining.updates=0"]
    return result


def with_few_parts(recipe: Recipe, parts: int) -> Recipe:
    """Overrides that reduce the number of parts of each batch."""
    own = recipe.training.micro_batches
    kept = min(parts, own)
    changed = {"micro_batches": kept, "batch_tokens": recipe.training.batch_tokens * kept // own}
    return recipe.model_copy(update={"training": recipe.training.model_copy(update=changed)})


def trained_tokenizer(options: SentencePieceOptions, text: tuple[Path, Path], folder: Path) -> tuple[Path, int]:
    """The folder of a vocabulary of full size, and the number of unused symbols that pad it.

    Recipes with the same options share it, because training it takes longer than everything else here.
    """
    directory = folder / hashlib.sha256(f"{text[0].parent} {options.model_dump_json()}".encode()).hexdigest()[:12]
    padding = directory / "padding"
    while not padding.exists():
        count = len(options.user_defined_symbols)
        try:
            save_tokenizers(options.train(*text, directory), directory)
            padding.write_text(str(count))
        except UserError as error:
            most = re.search(r"at most (\d+) pieces", str(error))
            if most is None:
                raise
            count += max(options.vocabulary_size - int(most[1]), 1)
            symbols = tuple(f"<unused_{number}>" for number in range(count))
            options = options.model_copy(update={"user_defined_symbols": symbols})
    return directory, int(padding.read_text())


def measure(path: Path, settings: Settings, checksums: Checksums, address: str) -> str:
    """Runs one recipe; its row of the table."""
    shipped = load_recipe(path, overrides_of(path, settings, checksums, address))
    recipe, padding = with_few_parts(shipped, settings.parts), "as before"
    runs = settings.directory / "runs"
    run = run_directory(recipe, runs)
    shutil.rmtree(run, ignore_errors=True)
    if isinstance(recipe.tokenizer, SentencePieceOptions):
        text = all_text(recipe, settings.directory / path.parent.name)
        directory, count = trained_tokenizer(recipe.tokenizer, text, settings.directory / "tokenizers")
        padding = f"{count:,}"
        recipe = recipe.model_copy(update={"tokenizer": ExistingTokenizer(directory=directory)})
    written = settings.directory / f"{path.parent.name}_{path.stem}.yaml"
    written.write_text(as_yaml(recipe), encoding="utf-8")
    command = [sys.executable, "-m", "nmt", "train", str(written), "--runs", str(runs)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=sys.stderr) as process:
        clock = processor_seconds_by_update(process.pid, run / "train" / "log.jsonl")
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{path}: status {process.returncode}")
    return row(path, shipped, recipe, padding, run, clock, used)


def all_text(recipe: Recipe, directory: Path) -> tuple[Path, Path]:
    """All text, uncleaned, in two files."""
    raw = recipe.corpus.fetch(directory)
    sides = directory / "all.source", directory / "all.target"
    for number, side in enumerate(sides):
        side.write_bytes(b"".join(text.sides[number].read_bytes() for text in raw.training))
    return sides


def processor_seconds_by_update(process: int, log: Path) -> list[float]:
    """Processor seconds of a process, over all threads, at each logged update until the last or the process's end."""
    clock: list[float] = []
    while len(clock) < UPDATES and not os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        done = log.read_text(encoding="utf-8").count('"event": "progress"') if log.exists() else 0
        if done > len(clock):
            fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            clock.append((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
        time.sleep(0.02)
    return clock


def row(
    path: Path,
    shipped: Recipe,
    recipe: Recipe,
    padding: str,
    run: Path,
    clock: list[float],
    used: resource.struct_rusage,
) -> str:
    """The table's row, from the files of the run."""
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    lines = [json.loads(line) for line in (run / "train" / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    steps = [line for line in lines if line["event"] == "progress"]
    assert len(steps) == UPDATES
    tokens = [new - old for old, new in pairwise([0, *(step["target_tokens"] for step in steps)])]
    seconds = [count / step["tokens_per_second"] for count, step in zip(tokens, steps, strict=True)]
    cells = [
        f"`{path.parent.name}/{path.stem}`",
        f"{report['parameters']:,}",
        PUBLISHED.get(path.stem, "–"),
        f"{report['data']['tokenizer']['target_vocabulary']:,}",
        padding,
        f"{shipped.training.batch_tokens:,}",
        f"{recipe.training.micro_batches} of {shipped.training.micro_batches}",
        ", ".join(f"{count:,}" for count in tokens),
        ", ".join(f"{new - old:.1f}" for old, new in pairwise(clock)),
        ", ".join(f"{elapsed:.1f}" for elapsed in seconds[1:]),
        resolve_precision(recipe.training.precision, torch.device("cpu")),
        f"{used.ru_maxrss / (1 << 20):.1f} GiB",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", type=Path, default=RECIPES)
    parser.add_argument("--directory", type=Path, help="folder for the runs; default: a temporary folder")
    parser.add_argument("--parts", type=int, default=2, help="parts of a batch to compute")
    arguments = parser.parse_args()
    other_work = OtherWork()
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        directory = (arguments.directory or Path(temporary)).resolve()
        settings = Settings(directory, arguments.parts)
        with serving(directory / "server") as server:
            for other in ("de", "fr"):
                wanted = [path.resolve() for path in arguments.recipes if path.resolve().parent.name.endswith(other)]
                server.folder = directory / f"server_{other}"
                checksums = serve_folder(server.folder, other) if wanted else {}
                for path in wanted:
                    print(measure(path, settings, checksums, server.url), flush=True)
    print(f"Other programs took {other_work.share():.0%} of {os.cpu_count()} cores meanwhile.")


if __name__ == "__main__":
    main()
