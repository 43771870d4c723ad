"""The two sides of training_speed.py: each trains a shape in its own processes and reports its speed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training_speed_data import BATCH_TOKENS, BATCHES, PIECES, ROOT  # beside this file
from training_speed_processes import Setting, finish, free_port, start
from training_speed_shapes import SHAPES, Shape

from nmt.models.weights import parameter_count
from nmt.text import read_lines

HERE = Path(__file__).resolve().parent
TIMED_INTERVALS = 3


@dataclass(frozen=True)
class Timing:
    """Measurements of a run after its warm-up."""

    tokens: float
    """Target tokens, including EOS."""
    seconds: float

    @property
    def speed(self) -> float:
        """Target tokens per second."""
        return self.tokens / self.seconds


@dataclass(frozen=True)
class Plan:
    """The model and batches that fairseq would train on."""

    parameters: int
    """Of its model."""
    batches: Sequence[int]
    """Target tokens of each batch, including EOS."""


class Fairseq:
    """fairseq's side: `fairseq-train`, unmodified, without validation and checkpoints.

    It refuses bf16 on a CPU ("implies --tpu"), and does not start a second process there by itself; two processes,
    started by hand with half the tokens each, are the third setting (their global batches are close but not equal to
    ours).
    """

    name = "fairseq"

    def __init__(self, python: Path, work: Path, shape: Shape) -> None:
        self.python, self.work, self.shape = python, work, shape

    def settings(self, cores: int, tcmalloc: bool) -> list[Setting]:
        """Return the settings to try."""
        alone = Setting(1, 1, tcmalloc)
        return [Setting(1, cores, tcmalloc), alone, Setting(cores, 1, tcmalloc)] if cores > 1 else [alone]

    def arguments(self, processes: int = 1) -> list[str]:
        """Return the arguments of fairseq-train, except for the length of the run."""
        return [
            *[str(self.work / "binarised"), "--cpu", "--task=translation", "--source-lang=en", "--target-lang=de"],
            *[*self.shape.fairseq, f"--dropout={self.shape.model.dropout}", "--seed=1"],
            *["--criterion=label_smoothed_cross_entropy", "--label-smoothing=0.1"],
            *[f"--clip-norm={self.shape.clip_norm}"],
            *["--optimizer=adam", "--adam-betas=(0.9, 0.98)", "--lr=5e-3", "--lr-scheduler=inverse_sqrt"],
            *["--warmup-updates=2000", f"--max-tokens={BATCH_TOKENS // processes}", "--no-save"],
            *["--disable-validation", "--log-format=json", f"--save-dir={self.work / 'unused'}"],
        ]

    def plan(self) -> Plan:
        """Ask fairseq for its model and batches; our side reads them from the working directory."""
        path = self.work / BATCHES
        script = [str(self.python), str(HERE / "training_speed_batches.py"), str(path), *self.arguments()]
        finish(start(script, Setting(1, 1, False).environment()))
        said = json.loads(path.read_text(encoding="utf-8"))
        lengths = [len(line.split(" ")) + 1 for line in read_lines(self.work / "pieces.de")]
        return Plan(said["parameters"], [sum(lengths[index] for index in batch) for batch in said["batches"]])

    def run(self, setting: Setting, batches: Sequence[int]) -> Timing:
        """Train and read the log.

        Args:
            setting: number of threads and so on.
            batches: target tokens of its batches in order, which its log must confirm.
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
        # Each line covers the updates since the previous one: mean words per batch (wpb), words per second (wps).
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
    """Our side: the trainer of `nmt train` in its own processes, on fairseq's batches."""

    name = "nmt"

    def __init__(self, work: Path, shape_name: str) -> None:
        self.work, self.shape_name = work, shape_name

    def parameters(self) -> int:
        """Count the parameters of our model."""
        return parameter_count(SHAPES[self.shape_name].model.build(PIECES, PIECES))

    def settings(self, cores: int, tcmalloc: bool) -> list[Setting]:
        """Return the settings that `nmt train` chooses, in both precisions, with and without tcmalloc."""
        settings = [Setting(cores, 1, False, "bf16"), Setting(cores, 1, False, "fp32")]
        return [*settings, Setting(cores, 1, True, "bf16")] if tcmalloc else settings

    def run(self, setting: Setting, batches: Sequence[int]) -> Timing:
        """Train in torchrun's processes and read the line of JSON that the first one prints."""
        shape = SHAPES[self.shape_name]
        driver = [str(HERE / "training_speed_ours.py"), str(self.work), "--shape", self.shape_name]
        driver += ["--precision", setting.precision, "--warm-up", str(shape.interval)]
        driver += ["--updates", str(TIMED_INTERVALS * shape.interval)]
        launcher = [sys.executable]
        if setting.processes > 1:
            launcher += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={setting.processes}"]
        # The package of this checkout, whether installed or not.
        environment = setting.environment() | {"PYTHONPATH": str(ROOT)}
        log = finish(start([*launcher, *driver], environment))
        measured = json.loads(re.findall(r'^\{"tokens".*\}$', log, flags=re.MULTILINE)[-1])
        expected = sum(batches[shape.interval : (1 + TIMED_INTERVALS) * shape.interval])
        if measured["tokens"] != expected:
            sys.exit(f"our trainer counted {measured['tokens']} target tokens, where the batches hold {expected}")
        return Timing(**measured)
