"""What a training says while it runs, and where it is written."""

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
"""Whose validation it is."""


@dataclass(frozen=True)
class Started:
    """Before the first update."""

    parameters: int
    processes: int
    device: str
    update: int
    """Updates that were done before: 0 unless resumed."""
    updates: int
    """Updates in all."""
    left_out: int
    """Training pairs that are too long."""
    pairs: int
    """Training pairs, those included."""
    frozen: int = 0
    """Of the parameters, those that stay as they are."""


@dataclass(frozen=True)
class Moved:
    """Where a training stands at this moment."""

    update: int
    """Updates that are done."""
    seconds_left: float | None
    """Until the training ends, its validations included; None: too early to tell."""
    validated: float | None = None
    """Share of a validation that is done, 0 to 1; None between validations."""


@dataclass(frozen=True)
class Progress:
    """The mean over the updates since the last line."""

    update: int
    epoch: int
    loss: float
    """Smoothed, per target token, natural logarithm; in refinement the negative mixed objective, per sentence."""
    perplexity: float
    """exp of the unsmoothed loss."""
    learning_rate: float
    gradient_norm: float
    target_tokens: int
    """Since the start."""
    tokens_per_second: float = field(compare=False)
    """Target tokens, since the last line."""
    seconds_left: float = field(compare=False)
    figures: Mapping[str, float] = field(default_factory=dict)
    """What the objective reports of itself, each in a field of its own in log.jsonl: the mean reward of the samples, in
    refinement."""
    statistics: Mapping[str, float] = field(default_factory=dict)
    """What the model reports of itself, its penalties among them: means over the micro-batches that have it, those of
    skipped updates included."""


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
    """Those that read translations by the recipe's search, and 0 where there was nothing to translate."""
    best: bool
    """Whether this is the best score so far."""
    samples: tuple[Sample, ...]
    what: str = WEIGHTS
    """Either `weights` of this update, or `average` of the last ones."""
    statistics: Mapping[str, float] = field(default_factory=dict)
    """What the model reports of itself: means over the batches."""


class Reporter(Protocol):
    """Hears what happens, in the first process only."""

    def started(self, event: Started) -> None:
        """Called once."""

    def moved(self, event: Moved) -> None:
        """Called after each update, and often in a validation."""

    def progress(self, event: Progress) -> None:
        """Called every `log_every` updates."""

    def validated(self, event: Validated) -> None:
        """Called after each validation."""

    def note(self, update: int, message: str) -> None:
        """Called for what a person should know."""


class RunLog:
    """Writes log.jsonl (a line per event) and TensorBoard's files, and passes everything on.

    Args:
        directory: of both.
        resumed_at: updates that are done; what an interrupted training logged beyond them is dropped.
        reporter: told as well.
    """

    def __init__(self, directory: Path, resumed_at: int, reporter: Reporter) -> None:
        self._reporter = reporter
        path = directory / "log.jsonl"
        _drop_after(path, resumed_at)
        self._file = path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(directory / "tensorboard"), purge_step=resumed_at + 1)

    def started(self, event: Started) -> None:
        """Passes on."""
        self._reporter.started(event)

    def moved(self, event: Moved) -> None:
        """Passes on; a file has no use for it."""
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
        """Writes it as it is."""
        self._write({"event": "note", "update": update, "message": message})
        self._reporter.note(update, message)

    def close(self) -> None:
        """Flushes both files."""
        self._file.close()
        self._board.close()

    def _draw_statistics(self, kind: str, event: Progress | Validated) -> None:
        for name, value in event.statistics.items():
            self._board.add_scalar(f"{kind}/model/{name}", value, event.update)

    def _write(self, record: dict[str, object]) -> None:
        self._file.write(json.dumps(record, ensure_ascii=False) + "\n")
        self._file.flush()


def _record(event: Progress | Validated) -> dict[str, Any]:
    """As JSON, which has no number for what is not finite: null."""
    statistics = {name: value if math.isfinite(value) else None for name, value in event.statistics.items()}
    return asdict(event) | {"statistics": statistics}


def _validation_record(event: Validated) -> dict[str, object]:
    """A key for each measure; `bleu` and `gleu` are always there, as they were in logs of earlier versions."""
    record = _record(event)
    del record["measures"]
    measures: dict[str, object] = {"bleu": None, "gleu": None}
    for name, value in event.measures.items():
        measures[name] = value if math.isfinite(value) else None
    return record | measures


def _drop_after(path: Path, update: int) -> None:
    """Keeps the events up to an update; what comes later, or was not written whole, will be written again."""
    if not path.exists():
        return
    with write_bytes_atomically(path) as kept:
        for line in path.read_bytes().split(b"\n"):
            try:
                record = json.loads(line)
            except ValueError:  # the line that a killed process did not finish
                continue
            if record.get("update", 0) <= update and record.get("what", WEIGHTS) == WEIGHTS:
                kept.write(line + b"\n")
