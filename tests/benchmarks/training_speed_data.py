"""Data of training_speed.py: Multi30k as pieces, in our format and in fairseq's; and the installation of fairseq."""

from __future__ import annotations

import os
import re
import sys
import venv
from pathlib import Path

import sentencepiece
from training_speed_processes import finish, start  # beside this file

from nmt.data.pairs import ParallelFiles
from nmt.data.store import build_store
from nmt.text import read_lines
from nmt.tokenizer import SPECIAL, TokenizerPair
from nmt.tokenizer.sentencepiece import SentencePieceOptions

ROOT = Path(__file__).resolve().parents[2]
BATCH_TOKENS = 4096
PIECES = 8000
STORE = "store"
"""Folder in the working directory with the same pieces as token ids, for our side."""
BATCHES = "batches.json"
"""File in the working directory written by training_speed_batches.py."""


def fairseq_python(work: Path) -> Path:
    """Return an interpreter with fairseq, installed from the registry in the pinned versions."""
    environment = work / "fairseq"
    python = environment / "bin" / "python"
    if not (environment / "bin" / "fairseq-train").exists():
        print(f"installing fairseq-fixed into {environment} (compiling takes minutes)", file=sys.stderr)
        venv.create(environment, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt")]
        pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE))
        # Its build needs torch and numpy; an isolated build would download the newest versions of both.
        finish(start([*pip, f"torch=={pins['torch']}", "numpy", "cython", "setuptools", "wheel"], dict(os.environ)))
        finish(start([*pip, "--no-build-isolation", "fairseq-fixed"], dict(os.environ)))
    return python


def prepare(work: Path, corpus: Path, python: Path) -> None:
    """Write the pieces of both sides, one sentence per line, and the same in fairseq's binary format."""
    if (work / "binarised" / "dict.de.txt").exists():
        return
    for language in ("en", "de"):
        lines = read_lines(corpus / f"train.{language}.gz")
        (work / f"text.{language}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=[str(work / "text.en"), str(work / "text.de")],
        model_prefix=str(work / "joint"),
        model_type="bpe",
        vocab_size=PIECES,
        character_coverage=1.0,
        pad_id=SPECIAL.pad,
        unk_id=SPECIAL.unk,
        bos_id=SPECIAL.bos,
        eos_id=SPECIAL.eos,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_file=str(work / "joint.model"))
    for language in ("en", "de"):
        with (work / f"pieces.{language}").open("w", encoding="utf-8") as pieces:
            for line in read_lines(work / f"text.{language}"):
                pieces.write(" ".join(processor.encode(line, out_type=str)) + "\n")
    entries = (f"{processor.id_to_piece(index)} 1\n" for index in range(4, PIECES))
    (work / "dictionary.txt").write_text("".join(entries), encoding="utf-8")
    command = [str(python.parent / "fairseq-preprocess"), "--source-lang=en", "--target-lang=de", "--joined-dictionary"]
    command += [f"--trainpref={work / 'pieces'}", f"--srcdict={work / 'dictionary.txt'}", "--workers=1"]
    build_store(ParallelFiles(work / "text.en", work / "text.de"), tokenizers(work), work / STORE)
    finish(start([*command, f"--destdir={work / 'binarised'}"], dict(os.environ)))


def tokenizers(work: Path) -> TokenizerPair:
    """Return our tokenizers with the SentencePiece model of both sides."""
    joint = SentencePieceOptions(algorithm="bpe", vocabulary_size=PIECES).load(work / "joint.model")
    return TokenizerPair(joint, joint)
