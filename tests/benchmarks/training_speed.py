"""Training speed in target tokens per second, relative to fairseq: same batches, each at its best settings.

    python tests/benchmarks/training_speed.py [--shape tiny] [--rounds 3] [--fairseq-python PATH] [--side both]

The models are those of training_speed_shapes.py: the same Transformer (tiny, iwslt), ConvS2S (convs2s) or Luong model
(luong) on both sides; for GNMT (gnmt, gnmt_even) fairseq's closest model, which is a different one. `--shape all` runs
all of them.

The text is Multi30k en→de from $NMT_DATA (default ../shared/data), with a joint SentencePiece BPE of 8,000 pieces.
fairseq's side is `fairseq-train` itself on data from `fairseq-preprocess`, and its speed is the one it logs. Its
batches (--max-tokens 4096, in its own order) are taken from its iterator and given to our trainer; the run stops if its
log counts a different number of tokens than these batches have. The sides take turns with each of their settings, each
round gives one ratio, and the settings with the best median count.

Without --fairseq-python, fairseq is installed from the package registry into the working directory, which takes minutes
to compile. tcmalloc is preloaded if installed (Debian, Ubuntu: apt install libtcmalloc-minimal4).
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes.util
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from other_work import OtherWork  # beside this file
from training_speed_data import PIECES, ROOT, fairseq_python, prepare
from training_speed_processes import Setting
from training_speed_shapes import SHAPES
from training_speed_sides import Fairseq, Ours

QUIET = 0.05
"""Share of the cores that other programs may use during a run; above it the run is repeated."""


@dataclass(frozen=True)
class Contender:
    """One side with one of its settings."""

    side: Fairseq | Ours
    setting: Setting

    def __str__(self) -> str:
        """Return one column of the table."""
        return f"{self.side.name:8} {self.setting!s:36}"

    @property
    def by_hand(self) -> bool:
        """Whether users get this setting only by starting several processes themselves."""
        return isinstance(self.side, Fairseq) and self.setting.processes > 1

    def run(self, batches: Sequence[int], tries: int) -> Run:
        """Run, and repeat up to a limit if other programs disturbed it; return the least disturbed run."""
        runs: list[Run] = []
        while not runs or (runs[-1].disturbance > QUIET and len(runs) < tries):
            others = OtherWork()
            runs.append(Run(self.side.run(self.setting, batches).speed, others.share()))
        return min(runs, key=lambda run: run.disturbance)


@dataclass(frozen=True)
class Run:
    """One run of a contender."""

    speed: float
    """Target tokens per second."""
    disturbance: float
    """Share of all cores that other programs used, from the start of the run to its end."""


def compare(sides: Sequence[Fairseq | Ours], rounds: int, tries: int, batches: Sequence[int], tcmalloc: bool) -> None:
    """Run all settings in turns, and print medians and ratios.

    Ours are reported by precision, to show the effect of bf16. fairseq is reported as it runs by itself, and at its
    best, with several processes that a person must start by hand: leaving that out would be unfair, and so would
    presenting it as what its users get.
    """
    cores = len(os.sched_getaffinity(0))
    everyone = [Contender(side, setting) for side in sides for setting in side.settings(cores, tcmalloc)]
    runs: dict[Contender, list[Run]] = {contender: [] for contender in everyone}
    for number in range(rounds):
        for contender in everyone:
            run = contender.run(batches, tries)
            runs[contender].append(run)
            note = f"others took {run.disturbance:.0%} of the cores"
            print(f"round {number + 1}: {contender} {run.speed:8,.0f}, {note}", file=sys.stderr, flush=True)
    speeds = {contender: [run.speed for run in done] for contender, done in runs.items()}
    print(f"target tokens/s of {rounds} rounds on {cores} cores, median (lowest–highest) [most that others took]:")
    for contender, measured in speeds.items():
        spread = f"{statistics.median(measured):8,.0f} ({min(measured):,.0f}–{max(measured):,.0f})"
        print(f"  {contender} {spread} [{max(run.disturbance for run in runs[contender]):.0%}]")
    theirs = [contender for contender in everyone if isinstance(contender.side, Fairseq)]
    references = {"one process": [other for other in theirs if not other.by_hand], "its best of all": theirs}
    ours = [contender for contender in everyone if isinstance(contender.side, Ours)]
    if not ours or not theirs:
        return
    print("ours relative to fairseq, round by round, median (lowest–highest):")
    for precision in ("bf16", "fp32"):
        mine = fastest([contender for contender in ours if contender.setting.precision == precision], speeds)
        for name, others in references.items():
            other = fastest(others, speeds)
            ratios = [one / two for one, two in zip(speeds[mine], speeds[other], strict=True)]
            spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
            print(f"  nmt {mine.setting} / fairseq {other.setting} ({name}): {spread}", flush=True)


def fastest(some: Sequence[Contender], speeds: Mapping[Contender, Sequence[float]]) -> Contender:
    """Return the contender with the best median."""
    return max(some, key=lambda contender: statistics.median(speeds[contender]))


@contextlib.contextmanager
def working_directory(given: Path | None) -> Iterator[Path]:
    """Yield the requested folder, or a temporary one."""
    if given:
        given.mkdir(parents=True, exist_ok=True)
        yield given.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="training_speed_") as temporary:
        yield Path(temporary)


def main() -> None:
    """Read the arguments and print a table for each shape."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--shape", choices=[*SHAPES, "all"], default="all")
    parser.add_argument("--side", choices=["both", "fairseq", "nmt"], default="both")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--tries", type=int, default=5, help="largest number of runs of a setting in a round, if disturbed"
    )
    parser.add_argument("--fairseq-python", type=Path, help="Python interpreter of an environment with fairseq-fixed")
    parser.add_argument("--work", type=Path, help="keep the prepared data (and fairseq's environment) in this folder")
    arguments = parser.parse_args()
    corpus = Path(os.environ.get("NMT_DATA", ROOT.parent / "shared" / "data")) / "multi30k"
    tcmalloc = ctypes.util.find_library("tcmalloc_minimal") is not None
    if not tcmalloc:
        print("tcmalloc is not installed: both sides run without it (apt install libtcmalloc-minimal4)")
    with working_directory(arguments.work) as work:
        python = arguments.fairseq_python or fairseq_python(work)
        prepare(work, corpus, python)
        for name in SHAPES if arguments.shape == "all" else [arguments.shape]:
            fairseq, ours = Fairseq(python, work, SHAPES[name]), Ours(work, name)
            plan = fairseq.plan()
            counts = f"{ours.parameters():,} parameters in nmt, {plan.parameters:,} in fairseq"
            tokens = f"{statistics.mean(plan.batches):,.0f} target tokens a batch"
            print(f"\n{name}: {counts}; {PIECES:,} pieces; {tokens}", flush=True)
            sides: list[Fairseq | Ours] = [side for side in (fairseq, ours) if arguments.side in ("both", side.name)]
            compare(sides, arguments.rounds, arguments.tries, plan.batches, tcmalloc)


if __name__ == "__main__":
    main()
