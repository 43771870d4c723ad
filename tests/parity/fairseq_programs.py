"""fairseq's own programs, run as a user runs them: text prepared, a model trained, sentences translated."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

LANGUAGES = ("en", "de")
TRAINING_PAIRS, TEST_SENTENCES = 4000, 200

_TRAINING = (
    "--cpu --max-tokens 1500 --no-epoch-checkpoints --disable-validation --optimizer adam --clip-norm 1.0 "
    "--lr-scheduler inverse_sqrt --warmup-updates 60 --criterion label_smoothed_cross_entropy --label-smoothing 0.1 "
    "--seed 1 --dropout 0.1 --log-format none"
).split()


def read_multi30k(corpus: Path) -> dict[str, list[str]]:
    """`train.en` … and `test.en` …, some lines of each."""
    files = {"train": ("train", TRAINING_PAIRS), "test": ("test_2016_flickr", TEST_SENTENCES)}
    texts = {}
    for split, (name, count) in files.items():
        for language in LANGUAGES:
            with gzip.open(corpus / f"{name}.{language}.gz", "rt", encoding="utf-8", newline="\n") as lines:
                texts[f"{split}.{language}"] = [line.rstrip("\n") for line in islice(lines, count)]
    return texts


def write_lines(path: Path, lines: Sequence[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def preprocess(directory: Path, texts: dict[str, list[str]], *options: str) -> Path:
    """Binarises text that is cut already; returns the folder with the dictionaries."""
    for name, lines in texts.items():
        write_lines(directory / "text" / name, lines)
    text = directory / "text"
    run("preprocess", "-s", "en", "-t", "de", "--trainpref", str(text / "train"), "--testpref", str(text / "test"),
        "--destdir", str(directory / "bin"), "--workers", "1", *options)  # fmt: skip
    return directory / "bin"


def train(data: Path, *options: str) -> Path:
    """Trains for some updates; returns the checkpoint."""
    save = data.parent / "checkpoints"
    run("train", str(data), "-s", "en", "-t", "de", "--save-dir", str(save), *_TRAINING, *options)
    return save / "checkpoint_last.pt"


def generate(data: Path, checkpoint: Path, *options: str) -> list[str]:
    """The detokenised translations of the test set, in its order."""
    output = run("generate", str(data), "-s", "en", "-t", "de", "--path", str(checkpoint), "--cpu", "--batch-size",
                 "32", "--beam", "5", *options)  # fmt: skip
    return _detokenized(output)


def interactive(data: Path, checkpoint: Path, source: Path, *options: str) -> list[str]:
    """The same of the raw sentences of a file."""
    output = run("interactive", str(data), "-s", "en", "-t", "de", "--path", str(checkpoint), "--cpu", "--batch-size",
                 "32", "--buffer-size", "200", "--input", str(source), "--beam", "5", *options)  # fmt: skip
    return _detokenized(output)


def run(program: str, *arguments: str) -> str:
    """What the program prints; fails with its messages."""
    # fairseq loads its checkpoints in torch's unrestricted way, which torch refuses since 2.6
    environment = os.environ | {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-m", f"fairseq_cli.{program}", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def _detokenized(output: str) -> list[str]:
    found = {int(number): text for number, text in re.findall(r"^D-(\d+)\t[^\t]+\t(.*)$", output, flags=re.MULTILINE)}
    assert sorted(found) == list(range(TEST_SENTENCES))
    return [found[number] for number in range(TEST_SENTENCES)]
