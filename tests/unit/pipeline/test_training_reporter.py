"""A person who watches reads what the model reports at each validation, where it reports something."""

from __future__ import annotations

from nmt.pipeline.reporter import Silent
from nmt.pipeline.training_reporter import TrainingReporter
from nmt.training.log import Validated


class Recorder(Silent):
    """Keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, message: str) -> None:
        self.lines.append(message)


def lines(statistics: dict[str, float]) -> list[str]:
    recorder = Recorder()
    event = Validated(150, 2.0, 7.39, 20.1, best=True, samples=(), statistics=statistics)
    TrainingReporter(recorder, 1000).validated(event)
    return recorder.lines


def test_a_first_word_is_said_once() -> None:
    reported = {"encoder_iterations": 9.84, "encoder_residual": 0.0312, "decoder_iterations": 7.0, "sparsity": 0.25}
    assert lines(reported)[1:] == [
        "update 150: encoder iterations 9.8, residual 0.031; decoder iterations 7; sparsity 0.25"
    ]


def test_nothing_is_said_where_nothing_is_reported() -> None:
    assert lines({}) == ["update 150: validation perplexity 7.39  BLEU 20.10  best so far"]
