"""Training speed in target tokens a second, ours over fairseq's: same model, same batches, each at its best settings.

    python tests/benchmarks/training_speed.py [--shape tiny] [--rounds 3] [--fairseq-python PATH] [--side both]

Multi30k en→de from $NMT_DATA (default ../shared/data), joint SentencePiece BPE of 8,000 pieces. fairseq's side is
`fairseq-train` itself on data that `fairseq-preprocess` made, and its speed is what it logs. Its batches (--max-tokens
4096, in its own order) are read off its iterator and given to our trainer; the run stops if its log counts other tokens
than these batches hold. The sides take turns with each of their settings, each round gives one ratio, and the settings
that count are the best ones by the median.

Without --fairseq-python, fairseq is installed from the package registry into the working directory (it compiles:
minutes). tcmalloc is preloaded where it is installed (Debian, Ubuntu: apt install libtcmalloc-minimal4).
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes.util
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sentencepiece
from other_work import OtherWork  # beside this file

from nmt.data.store import build_store
from nmt.text import read_lines
from nmt.tokenizer import SPECIAL, TokenizerPair
from nmt.tokenizer.sentencepiece import SentencePieceOptions

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BATCH_TOKENS = 4096
PIECES = 8000
TIMED_INTERVALS = 3
QUIET = 0.05
"""Share of the cores that other programs may take during a run; beyond it the run is repeated, up to TRIES times."""
TRIES = 5
STORE = "store"
"""Of the working directory: the same pieces as token ids, for our side."""


@dataclass(frozen=True)
class Shape:
    """A Transformer: post-norm, all embeddings shared, dropout 0.3, label smoothing 0.1."""

    model_dim: int
    feedforward_dim: int
    heads: int
    layers: int
    interval: int
    """Updates between two readings of the clock; the first such interval warms up and is not counted."""


SHAPES = {
    "tiny": Shape(model_dim=128, feedforward_dim=256, heads=4, layers=4, interval=15),
    "iwslt": Shape(model_dim=512, feedforward_dim=1024, heads=4, layers=6, interval=2),
}


@dataclass(frozen=True)
class Setting:
    """How a side is run."""

    processes: int
    threads: int
    tcmalloc: bool
    precision: str = "fp32"

    def __str__(self) -> str:
        """Return the setting as a person would say it."""
        allocator = "tcmalloc" if self.tcmalloc else "malloc"
        return f"{self.processes} × {self.threads} threads, {self.precision}, {allocator}"

    def environment(self) -> dict[str, str]:
        """Return the environment of the side's processes."""
        environment = os.environ | {"OMP_NUM_THREADS": str(self.threads), "CUDA_VISIBLE_DEVICES": ""}
        environment.pop("LD_PRELOAD", None)
        if self.tcmalloc:
            environment["LD_PRELOAD"] = str(ctypes.util.find_library("tcmalloc_minimal"))
        return environment


@dataclass(frozen=True)
class Timing:
    """What a run measured after its warm-up."""

    tokens: float
    """Target tokens, EOS included."""
    seconds: float

    @property
    def speed(self) -> float:
        """Target tokens a second."""
        return self.tokens / self.seconds


class Fairseq:
    """fairseq's side: `fairseq-train`, unmodified, without validation and checkpoints.

    It refuses bf16 on a CPU ("implies --tpu"), and starts no second process there by itself; two of them, started by
    hand with half the tokens each, are the third setting (their global batches are close to, not the same as, ours).
    """

    name = "fairseq"

    def __init__(self, python: Path, work: Path, shape: Shape) -> None:
        self.python, self.work, self.shape = python, work, shape

    def settings(self, cores: int, tcmalloc: bool) -> list[Setting]:
        """Return the settings that it is tried with."""
        alone = Setting(1, 1, tcmalloc)
        return [Setting(1, cores, tcmalloc), alone, Setting(cores, 1, tcmalloc)] if cores > 1 else [alone]

    def arguments(self, processes: int = 1) -> list[str]:
        """Return the arguments of fairseq-train, but for the length of the run."""
        shape = self.shape
        sizes = {"embed-dim": shape.model_dim, "ffn-embed-dim": shape.feedforward_dim, "layers": shape.layers}
        sizes["attention-heads"] = shape.heads
        model = [f"--{part}-{name}={size}" for part in ("encoder", "decoder") for name, size in sizes.items()]
        return [
            *[str(self.work / "binarised"), "--cpu", "--task=translation", "--source-lang=en", "--target-lang=de"],
            *["--arch=transformer_iwslt_de_en", *model, "--share-all-embeddings", "--dropout=0.3", "--seed=1"],
            *["--criterion=label_smoothed_cross_entropy", "--label-smoothing=0.1", "--clip-norm=0"],
            *["--optimizer=adam", "--adam-betas=(0.9, 0.98)", "--lr=5e-3", "--lr-scheduler=inverse_sqrt"],
            *["--warmup-updates=2000", f"--max-tokens={BATCH_TOKENS // processes}", "--no-save"],
            *["--disable-validation", "--log-format=json", f"--save-dir={self.work / 'unused'}"],
        ]

    def run(self, setting: Setting, batches: Sequence[int]) -> Timing:
        """Train and read the log.

        Args:
            setting: threads and so on.
            batches: the target tokens of its batches, in its order; its log must agree.
        """
        interval = self.shape.interval
        updates = interval * (1 + TIMED_INTERVALS)
        command = [str(self.python.parent / "fairseq-train"), *self.arguments(setting.processes)]
        command += [f"--max-update={updates}", f"--log-interval={interval}"]
        if setting.processes > 1:
            command += ["--distributed-backend=gloo", "--ddp-backend=legacy_ddp", "--distributed-no-spawn"]
            command += [f"--distributed-world-size={setting.processes}"]
            command += [f"--distributed-init-method=tcp://127.0.0.1:{free_port()}"]
        ranks = [[f"--distributed-rank={rank}"] if setting.processes > 1 else [] for rank in range(setting.processes)]
        running = [start([*command, *rank], setting.environment()) for rank in ranks]
        logs = [finish(process) for process in running]
        # Each line covers the updates since the line before: words in a batch (wpb) on average, words a second (wps).
        lines = [json.loads(line[line.index("{") :]) for line in logs[0].splitlines() if '"wps"' in line]
        lines = [line for line in lines if "train_wps" not in line]
        means = [float(line["wpb"]) for line in lines]
        expected = [sum(batches[n * interval : (n + 1) * interval]) / interval for n in range(len(means))]
        same = all(abs(mean - want) < 0.06 for mean, want in zip(means, expected, strict=True))
        if len(means) != 1 + TIMED_INTERVALS or (setting.processes == 1 and not same):
            sys.exit(f"fairseq logged {means} target tokens a batch, where its batches hold {expected}")
        timed = lines[1:]
        tokens = [float(line["wpb"]) * interval for line in timed]
        return Timing(sum(tokens), sum(n / float(line["wps"]) for n, line in zip(tokens, timed, strict=True)))


class Ours:
    """Our side: the trainer that `nmt train` runs, fed with fairseq's batches, in processes of its own."""

    name = "nmt"

    def __init__(self, work: Path, shape_name: str) -> None:
        self.work, self.shape_name = work, shape_name

    def settings(self, cores: int, tcmalloc: bool) -> list[Setting]:
        """Return what `nmt train` chooses by itself, in both precisions, and what tcmalloc makes of it."""
        settings = [Setting(cores, 1, False, "bf16"), Setting(cores, 1, False, "fp32")]
        return [*settings, Setting(cores, 1, True, "bf16")] if tcmalloc else settings

    def run(self, setting: Setting, batches: Sequence[int]) -> Timing:
        """Train in torchrun's processes and read the one line of JSON that the first of them prints."""
        shape = SHAPES[self.shape_name]
        driver = [str(HERE / "training_speed_ours.py"), str(self.work), "--shape", self.shape_name]
        driver += ["--precision", setting.precision, "--warm-up", str(shape.interval)]
        driver += ["--updates", str(TIMED_INTERVALS * shape.interval)]
        launcher = [sys.executable]
        if setting.processes > 1:
            launcher += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={setting.processes}"]
        # The package of this checkout, installed or not.
        environment = setting.environment() | {"PYTHONPATH": str(ROOT)}
        log = finish(start([*launcher, *driver], environment))
        measured = json.loads(re.findall(r'^\{"tokens".*\}$', log, flags=re.MULTILINE)[-1])
        expected = sum(batches[shape.interval : (1 + TIMED_INTERVALS) * shape.interval])
        if measured["tokens"] != expected:
            sys.exit(f"our trainer counted {measured['tokens']} target tokens, where the batches hold {expected}")
        return Timing(**measured)


def free_port() -> int:
    """Return a TCP port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def start(command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    """Start a process whose output is kept."""
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a process and return its output; a failure ends the benchmark with it."""
    output, _ = process.communicate()
    if process.returncode:
        sys.exit(f"{' '.join(map(str, process.args))}\nfailed:\n{output[-4000:]}")  # type: ignore[arg-type]
    return output


def fairseq_python(work: Path) -> Path:
    """Return an interpreter with fairseq in it, installed from the registry with the pinned versions."""
    environment = work / "fairseq"
    python = environment / "bin" / "python"
    if not (environment / "bin" / "fairseq-train").exists():
        print(f"installing fairseq-fixed into {environment} (it compiles: minutes)", file=sys.stderr)
        venv.create(environment, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt")]
        pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE))
        # Its build needs torch and numpy, and isolated from this environment would download the newest of each.
        finish(start([*pip, f"torch=={pins['torch']}", "numpy", "cython", "setuptools", "wheel"], dict(os.environ)))
        finish(start([*pip, "--no-build-isolation", "fairseq-fixed"], dict(os.environ)))
    return python


def prepare(work: Path, corpus: Path, python: Path) -> None:
    """Write the pieces of both sides, one sentence a line, and fairseq's binary form of the same."""
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
    build_store(work / "text.en", work / "text.de", tokenizers(work), work / STORE)
    finish(start([*command, f"--destdir={work / 'binarised'}"], dict(os.environ)))


def tokenizers(work: Path) -> TokenizerPair:
    """Return our tokenizers with the SentencePiece model of both sides."""
    joint = SentencePieceOptions(algorithm="bpe", vocabulary_size=PIECES).load(work / "joint.model")
    return TokenizerPair(joint, joint)


def read_batches(work: Path, fairseq: Fairseq) -> list[int]:
    """Have fairseq write its batches to `work`/batches.txt; return the target tokens of each, EOS included."""
    path = work / "batches.txt"
    script = [str(fairseq.python), str(HERE / "training_speed_batches.py"), str(path), *fairseq.arguments()]
    finish(start(script, Setting(1, 1, False).environment()))
    lengths = [len(line.split(" ")) + 1 for line in read_lines(work / "pieces.de")]
    return [sum(lengths[int(index)] for index in line.split()) for line in read_lines(path)]


@dataclass(frozen=True)
class Contender:
    """A side with one of its settings."""

    side: Fairseq | Ours
    setting: Setting

    def __str__(self) -> str:
        """Return one column of the table."""
        return f"{self.side.name:8} {self.setting!s:36}"

    @property
    def by_hand(self) -> bool:
        """Whether a user gets this setting only by starting several processes himself."""
        return isinstance(self.side, Fairseq) and self.setting.processes > 1

    def run(self, batches: Sequence[int]) -> Run:
        """Run, again if other programs disturbed it; return the least disturbed run."""
        runs: list[Run] = []
        while not runs or (runs[-1].disturbance > QUIET and len(runs) < TRIES):
            others = OtherWork()
            runs.append(Run(self.side.run(self.setting, batches).speed, others.share()))
        return min(runs, key=lambda run: run.disturbance)


@dataclass(frozen=True)
class Run:
    """One run of a contender."""

    speed: float
    """Target tokens a second."""
    disturbance: float
    """What other programs took of the processor meanwhile: a share of all cores, from the start to the end."""


def compare(sides: Sequence[Fairseq | Ours], rounds: int, batches: Sequence[int], tcmalloc: bool) -> None:
    """Let all settings take turns, and print medians and ratios.

    Ours count by precision, so that a reader sees what bf16 gives. fairseq counts as what it starts by itself, and as
    its best of all, with several processes that a person must start by hand; it would be unfair to leave that out, and
    unfair to call it what its users get.
    """
    cores = len(os.sched_getaffinity(0))
    everyone = [Contender(side, setting) for side in sides for setting in side.settings(cores, tcmalloc)]
    runs: dict[Contender, list[Run]] = {contender: [] for contender in everyone}
    for number in range(rounds):
        for contender in everyone:
            run = contender.run(batches)
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
    print("ours over fairseq's, round by round, median (lowest–highest):")
    for precision in ("bf16", "fp32"):
        mine = fastest([contender for contender in ours if contender.setting.precision == precision], speeds)
        for name, others in references.items():
            other = fastest(others, speeds)
            ratios = [one / two for one, two in zip(speeds[mine], speeds[other], strict=True)]
            spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
            print(f"  nmt {mine.setting} / fairseq {other.setting} ({name}): {spread}", flush=True)


def fastest(some: Sequence[Contender], speeds: Mapping[Contender, Sequence[float]]) -> Contender:
    """Return the one with the best median."""
    return max(some, key=lambda contender: statistics.median(speeds[contender]))


@contextlib.contextmanager
def working_directory(given: Path | None) -> Iterator[Path]:
    """Yield the folder that was asked for, or one that goes away afterwards."""
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
    parser.add_argument("--fairseq-python", type=Path, help="an interpreter with fairseq-fixed installed beside it")
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
            batches = read_batches(work, fairseq)
            shape, tokens = SHAPES[name], statistics.mean(batches)
            size = f"{shape.layers}+{shape.layers} layers, d {shape.model_dim}, ff {shape.feedforward_dim}"
            size += f", {shape.heads} heads, {PIECES:,} pieces"
            print(f"\n{name}: {size}; {tokens:,.0f} target tokens a batch")
            sides: list[Fairseq | Ours] = [side for side in (fairseq, ours) if arguments.side in ("both", side.name)]
            compare(sides, arguments.rounds, batches, tcmalloc)


if __name__ == "__main__":
    main()
