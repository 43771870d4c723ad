"""Our side of training_speed.py: run in each of our processes, on fairseq's batches.

    python [-m torch.distributed.run --standalone --nproc-per-node=2] training_speed_ours.py WORK --shape tiny \
        --precision bf16 --warm-up 15 --updates 45

The first process prints one line: {"tokens": target tokens of the timed updates, "seconds": their duration}.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from training_speed_data import BATCHES, PIECES, STORE, tokenizers  # beside this file
from training_speed_shapes import SHAPES

from nmt.data.pairs import ParallelFiles
from nmt.data.sampler import BatchSampler
from nmt.data.store import PairStore, build_store
from nmt.models import ModelConfig
from nmt.training.distributed import World, join_world
from nmt.training.log import Moved, Progress, Started, Validated
from nmt.training.objectives.likelihood import MaximumLikelihood
from nmt.training.options import Training
from nmt.training.schedule import InverseSquareRoot
from nmt.training.trainer import Trainer
from nmt.training.validation import ValidationSet

Indices = npt.NDArray[np.int64]


class GivenBatches(BatchSampler):
    """A sampler with given global batches, of which every process takes its rows."""

    def __init__(self, batches: Sequence[Indices]) -> None:
        self.given, self.left_out = batches, 0

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Indices]:
        return iter(self.given[start:])


class Clock:
    """Reads the time whenever the trainer reports: after the warm-up and then at equal intervals."""

    def __init__(self) -> None:
        self.readings: list[tuple[float, int]] = []

    def started(self, event: Started) -> None:
        pass

    def moved(self, event: Moved) -> None:
        pass

    def progress(self, event: Progress) -> None:
        self.readings.append((time.perf_counter(), event.target_tokens))

    def validated(self, event: Validated) -> None:
        pass

    def note(self, update: int, message: str) -> None:
        raise AssertionError(message)  # about a gradient that is not finite; not timed

    def timed(self) -> dict[str, float]:
        """Target tokens and seconds from the first reading to the last."""
        (start, before), (end, after) = self.readings[0], self.readings[-1]
        return {"tokens": after - before, "seconds": end - start}


def trainer(
    model: ModelConfig,
    options: Training,
    work: Path,
    batches: Sequence[Indices],
    directory: Path,
    world: World,
    clock: Clock,
) -> Trainer:
    """The trainer of `nmt train`, except for the batches and a minimal validation set.

    fairseq's validation is switched off; ours comes after the last reading of the clock.
    """
    (directory / "line").write_text("a\n", encoding="utf-8")
    build_store(ParallelFiles(directory / "line", directory / "line"), tokenizers(work), directory / "validation")
    made = Trainer(
        options,
        lambda: model.build(PIECES, PIECES),
        PairStore(work / STORE),
        tokenizers(work),
        ValidationSet(PairStore(directory / "validation"), [], [], lambda _model, _lines: []),
        directory,
        world,
        clock,
        objective=MaximumLikelihood(options.label_smoothing),
    )
    made.sampler = GivenBatches(batches)
    return made


def main() -> None:
    """Warm up, then measure."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--shape", choices=SHAPES, required=True)
    parser.add_argument("--precision", choices=["fp32", "bf16"], required=True)
    parser.add_argument("--warm-up", type=int, required=True)
    parser.add_argument("--updates", type=int, required=True, help="a multiple of --warm-up")
    arguments = parser.parse_args()
    updates = arguments.warm_up + arguments.updates
    given = json.loads((arguments.work / BATCHES).read_text(encoding="utf-8"))["batches"]
    batches = [np.array(batch, dtype=np.int64) for batch in given[:updates]]
    shape = SHAPES[arguments.shape]
    clock = Clock()
    with tempfile.TemporaryDirectory() as directory, join_world("cpu") as world:
        # The same settings as in Fairseq.arguments.
        options = Training(
            updates=updates,
            micro_batches=world.size,
            precision=arguments.precision,
            schedule=InverseSquareRoot(learning_rate=5e-3, warmup_updates=2000),
            label_smoothing=0.1,
            clip_norm=shape.clip_norm,
            validate_every=updates,
            save_every=updates,
            average_checkpoints=1,
            log_every=arguments.warm_up,
        )
        trainer(shape.model, options, arguments.work, batches, Path(directory), world, clock).train()
        if world.first:
            print(json.dumps(clock.timed()))


if __name__ == "__main__":
    main()
