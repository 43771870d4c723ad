"""Our side of training_speed.py: run in each of our processes, over the batches that fairseq made.

    python [-m torch.distributed.run --standalone --nproc-per-node=2] training_speed_ours.py WORK --shape tiny \
        --precision bf16 --warm-up 15 --updates 45

Prints one line from the first process: {"tokens": target tokens of the timed updates, "seconds": what they took}.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sentencepiece

from nmt.text import read_lines
from nmt.tokenizer.base import SPECIAL

Sentences = Sequence[npt.NDArray[np.int64]]


def read_sentences(work: Path, language: str) -> Sentences:
    """Return the ids of each sentence, without BOS and EOS: the pieces that fairseq binarised."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(work / "joint.model"))
    special = (processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id())
    assert special == (SPECIAL.pad, SPECIAL.unk, SPECIAL.bos, SPECIAL.eos)
    lines = read_lines(work / f"pieces.{language}")
    return [np.array(processor.piece_to_id(line.split(" ")), dtype=np.int64) for line in lines]


def updates(
    shape: str, precision: str, sources: Sentences, targets: Sentences, batches: Sequence[npt.NDArray[np.int64]]
) -> Iterator[None]:
    """Train with our trainer, exactly as `nmt train` does, and hand over control after each optimiser step.

    The one place that knows the trainer. A batch is the global one; the trainer gives each process its share.

    Args:
        shape: a key of training_speed.SHAPES: post-norm, one embedding for both sides and the output, dropout 0.3,
            label smoothing 0.1, Adam (0.9, 0.98), inverse square root of 5e-3 with 2,000 warm-up updates, no clipping.
        precision: "fp32" or "bf16".
        sources: ids of each source sentence.
        targets: ids of each target sentence.
        batches: indices of the pairs of each batch.
    """
    del shape, precision, sources, targets, batches
    sys.exit("training_speed_ours.py: not joined to nmt.training.trainer yet")
    yield  # type: ignore[unreachable]


def main() -> None:
    """Warm up, then time."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--shape", required=True)
    parser.add_argument("--precision", choices=["fp32", "bf16"], required=True)
    parser.add_argument("--warm-up", type=int, required=True)
    parser.add_argument("--updates", type=int, required=True)
    arguments = parser.parse_args()
    sources, targets = (read_sentences(arguments.work, language) for language in ("en", "de"))
    lines = read_lines(arguments.work / "batches.txt")
    batches = [np.array(line.split(), dtype=np.int64) for line in lines][: arguments.warm_up + arguments.updates]
    steps = updates(arguments.shape, arguments.precision, sources, targets, batches)
    for _ in islice(steps, arguments.warm_up):
        pass
    start = time.perf_counter()
    for _ in islice(steps, arguments.updates):
        pass
    seconds = time.perf_counter() - start
    tokens = sum(len(targets[index]) + 1 for batch in batches[arguments.warm_up :] for index in batch)
    if os.environ.get("RANK", "0") == "0":
        print(json.dumps({"tokens": tokens, "seconds": seconds}))


if __name__ == "__main__":
    main()
