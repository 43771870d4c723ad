"""fairseq's own programs, run as a user runs them: text prepared, a model trained, sentences translated."""

from __future__ import annotations

import gzip
import importlib
import re
import sys
import warnings
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from tests.forked import Forked

LANGUAGES = ("en", "de")
TRAINING_PAIRS, TEST_SENTENCES = 2000, 96

_TRAINING = (
    "--cpu --max-tokens 800 --no-epoch-checkpoints --disable-validation --optimizer adam --clip-norm 1.0 "
    "--lr-scheduler inverse_sqrt --warmup-updates 30 --criterion label_smoothed_cross_entropy --label-smoothing 0.1 "
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
    """What the program prints; fails with its messages. In a copy of this process, which has imported fairseq."""

    def work() -> None:
        warnings.simplefilter("ignore")
        sys.argv = [program, *arguments]
        importlib.import_module(f"fairseq_cli.{program}").cli_main()

    # fairseq loads its checkpoints in torch's unrestricted way, which torch refuses since 2.6
    process = Forked(work, {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"})
    output, errors = process.wait(timeout=1200)
    assert process.returncode == 0, errors[-3000:]
    return output


def _detokenized(output: str) -> list[str]:
    found = {int(number): text for number, text in re.findall(r"^D-(\d+)\t[^\t]+\t(.*)$", output, flags=re.MULTILINE)}
    assert sorted(found) == list(range(len(found)))
    return [found[number] for number in range(len(found))]
