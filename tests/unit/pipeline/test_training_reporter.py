"""A person who watches reads what the model reports at each validation, where it reports something."""

from __future__ import annotations

from nmt.evaluation.measures import MeasureName
from nmt.pipeline.reporter import Silent
from nmt.pipeline.training_reporter import TrainingReporter
from nmt.training.log import Moved, Progress, Validated


class Recorder(Silent):
    """Keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.shown: list[tuple[int, int, str, float | None]] = []

    def progress(self, done: int, total: int, note: str, seconds_left: float | None = None) -> None:
        self.shown.append((done, total, note, seconds_left))

    def log(self, message: str) -> None:
        self.lines.append(message)


def lines(statistics: dict[str, float]) -> list[str]:
    recorder = Recorder()
    measures: dict[MeasureName, float] = {"bleu": 20.1, "exact_match": 5.0}
    event = Validated(150, 2.0, 7.39, measures, best=True, samples=(), statistics=statistics)
    TrainingReporter(recorder, 1000).validated(event)
    return recorder.lines


def test_a_first_word_is_said_once() -> None:
    reported = {"encoder_iterations": 9.84, "encoder_residual": 0.0312, "decoder_iterations": 7.0, "sparsity": 0.25}
    assert lines(reported)[1:] == [
        "update 150: encoder iterations 9.8, residual 0.031; decoder iterations 7; sparsity 0.25"
    ]


def test_nothing_is_said_where_nothing_is_reported() -> None:
    assert lines({}) == ["update 150: validation perplexity 7.39  BLEU 20.10  exact match 5.00  best so far"]


def test_the_bar_says_the_last_loss_or_how_far_the_validation_is() -> None:
    recorder = Recorder()
    reporter = TrainingReporter(recorder, 1000)
    reporter.moved(Moved(1, None))
    reporter.progress(Progress(2, 1, 2.31, 9.0, 1e-3, 1.0, 5000, 9000.0, 60.0))
    reporter.moved(Moved(2, 70.0))
    reporter.moved(Moved(2, 69.0, validated=0.5))
    reporter.progress(Progress(3, 1, 2.31, 9.0, 1e-3, 1.0, 5000, 9000.0, 60.0, {"reward": 0.25}))
    reporter.moved(Moved(3, 50.0))
    assert recorder.shown == [
        (1, 1000, "", None),
        (2, 1000, "loss 2.310  9,000 tokens/s", 70.0),
        (2, 1000, "validating, 50%", 69.0),
        (3, 1000, "loss 2.310  reward 0.250  9,000 tokens/s", 50.0),
    ]
