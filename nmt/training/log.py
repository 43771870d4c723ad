"""Events that a training reports, and the log files they are written to."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from torch.utils.tensorboard import SummaryWriter

from nmt.evaluation.measures import MeasureName
from nmt.output import write_bytes_atomically

WEIGHTS, AVERAGE = "weights", "average"
"""What was validated: the weights of an update, or the average of several."""


@dataclass(frozen=True)
class Started:
    """The training before its first update."""

    parameters: int
    processes: int
    device: str
    update: int
    """Updates done before: 0 unless resumed."""
    updates: int
    """Total number of updates."""
    left_out: int
    """Training pairs left out as too long."""
    pairs: int
    """Training pairs, including these."""
    frozen: int = 0
    """Number of frozen parameters among `parameters`."""


@dataclass(frozen=True)
class Moved:
    """The current state of a training."""

    update: int
    """Updates done."""
    seconds_left: float | None
    """Estimated time until the training ends, validations included; None if too early to tell."""
    validated: float | None = None
    """Completed share of the current validation, 0 to 1; None between validations."""


@dataclass(frozen=True)
class Progress:
    """Means over the updates since the last log line."""

    update: int
    epoch: int
    loss: float
    """Smoothed, per target token, natural logarithm; in refinement the negative mixed objective, per sentence."""
    perplexity: float
    """exp of the unsmoothed loss."""
    learning_rate: float
    gradient_norm: float
    target_tokens: int
    """Target tokens since the start."""
    tokens_per_second: float = field(compare=False)
    """Target tokens per second since the last log line."""
    seconds_left: float = field(compare=False)
    figures: Mapping[str, float] = field(default_factory=dict)
    """Figures reported by the objective, each a field of its own in log.jsonl: in refinement, the mean reward of the
    samples."""
    statistics: Mapping[str, float] = field(default_factory=dict)
    """Statistics reported by the model, including its penalties: means over the micro-batches that have them, also
    those of skipped updates."""


@dataclass(frozen=True)
class Sample:
    """One validation sentence."""

    source: str
    reference: str
    hypothesis: str


@dataclass(frozen=True)
class Validated:
    """The validation set at one update."""

    update: int
    loss: float
    """Unsmoothed, per target token, natural logarithm."""
    perplexity: float
    measures: Mapping[MeasureName, float]
    """Scores; those that read translations use the recipe's search, and are 0 if there was nothing to translate."""
    best: bool
    """Whether this is the best score so far."""
    samples: tuple[Sample, ...]
    what: str = WEIGHTS
    """Either `weights` of this update, or `average` of several."""
    statistics: Mapping[str, float] = field(default_factory=dict)
    """Statistics reported by the model: means over the batches."""


class Reporter(Protocol):
    """Receives the events of a training, in the first process only."""

    def started(self, event: Started) -> None:
        """Called once."""

    def moved(self, event: Moved) -> None:
        """Called after each update, and many times during a validation."""

    def progress(self, event: Progress) -> None:
        """Called every `log_every` updates."""

    def validated(self, event: Validated) -> None:
        """Called after each validation."""

    def note(self, update: int, message: str) -> None:
        """Called with a message for the user."""


class RunLog:
    """Writes log.jsonl (one line per event) and TensorBoard's files, and passes all events on.

    Args:
        directory: folder of both.
        resumed_at: updates done; later entries of an interrupted training are dropped.
        reporter: receives all events too.
    """

    def __init__(self, directory: Path, resumed_at: int, reporter: Reporter) -> None:
        self._reporter = reporter
        path = directory / "log.jsonl"
        _drop_after(path, resumed_at)
        self._file = path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(directory / "tensorboard"), purge_step=resumed_at + 1)

    def started(self, event: Started) -> None:
        """Passes the event on."""
        self._reporter.started(event)

    def moved(self, event: Moved) -> None:
        """Passes the event on; it is not logged."""
        self._reporter.moved(event)

    def progress(self, event: Progress) -> None:
        """Writes the scalars."""
        record = _record(event)
        figures = record.pop("figures")
        self._write({"event": "progress", **record, **figures})
        for name in ("loss", "perplexity", "learning_rate", "gradient_norm", "tokens_per_second"):
            self._board.add_scalar(f"train/{name}", getattr(event, name), event.update)
        for name, value in event.figures.items():
            self._board.add_scalar(f"train/{name}", value, event.update)
        self._draw_statistics("train", event)
        self._reporter.progress(event)

    def validated(self, event: Validated) -> None:
        """Writes the scalars and the sample translations."""
        self._write({"event": "validated", **_validation_record(event)})
        kind = "validation" if event.what == WEIGHTS else f"validation_{event.what}"
        for name, value in [("loss", event.loss), ("perplexity", event.perplexity), *event.measures.items()]:
            self._board.add_scalar(f"{kind}/{name}", value, event.update)
        self._draw_statistics(kind, event)
        text = "\n\n".join(
            f"**source** {s.source}  \n**reference** {s.reference}  \n**hypothesis** {s.hypothesis}"
            for s in event.samples
        )
        self._board.add_text(f"{kind}/samples", text, event.update)
        self._board.flush()
        self._reporter.validated(event)

    def note(self, update: int, message: str) -> None:
        """Writes the message."""
        self._write({"event": "note", "update": update, "message": message})
        self._reporter.note(update, message)

    def close(self) -> None:
        """Closes both."""
        self._file.close()
        self._board.close()

    def _draw_statistics(self, kind: str, event: Progress | Validated) -> None:
        for name, value in event.statistics.items():
            self._board.add_scalar(f"{kind}/model/{name}", value, event.update)

    def _write(self, record: dict[str, object]) -> None:
        self._file.write(json.dumps(record, ensure_ascii=False) + "\n")
        self._file.flush()


def _record(event: Progress | Validated) -> dict[str, Any]:
    """The event as JSON data; values that are not finite become null."""
    statistics = {name: value if math.isfinite(value) else None for name, value in event.statistics.items()}
    return asdict(event) | {"statistics": statistics}


def _validation_record(event: Validated) -> dict[str, object]:
    """The event with a key for each measure; `bleu` and `gleu` are always present, as in logs of earlier versions."""
    record = _record(event)
    del record["measures"]
    measures: dict[str, object] = {"bleu": None, "gleu": None}
    for name, value in event.measures.items():
        measures[name] = value if math.isfinite(value) else None
    return record | measures


def _drop_after(path: Path, update: int) -> None:
    """Keeps the events up to an update; later ones and an incomplete last line will be written again."""
    if not path.exists():
        return
    with write_bytes_atomically(path) as kept:
        for line in path.read_bytes().split(b"\n"):
            try:
                record = json.loads(line)
            except ValueError:  # a line cut off when the process was killed
                continue
            if record.get("update", 0) <= update and record.get("what", WEIGHTS) == WEIGHTS:
                kept.write(line + b"\n")
