"""What a model reports of itself: the log has its means, whatever interrupts a training or shares it out."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from nmt.data.store import PairStore
from nmt.errors import UserError
from nmt.models.base import DecoderOutput
from nmt.models.transformer import Transformer, TransformerMemory
from nmt.tokenizer.base import SPECIAL, TokenizerPair
from nmt.training.position import Position
from nmt.training.schedule import Constant
from nmt.training.statistics import add, means
from nmt.training.trainer import Trainer
from nmt.training.window import Window
from tests.unit.training.driver import Silence, equilibrium, prepared, refining, reporting, trainer
from tests.unit.training.runs import ALONE, interrupting, logged, run_two_processes

Prepared = tuple[Path, PairStore, TokenizerPair]

WORRY = "rows have a length"


class Reporting(Transformer):
    """Reports a row's length, something that is known only with the gradient, and a penalty in some batches."""

    seen: list[dict[str, float]]
    worried: bool

    def decode(
        self, target_input: Tensor, target_mask: Tensor, memory: TransformerMemory, *, need_attention: bool = False
    ) -> DecoderOutput:
        output = super().decode(target_input, target_mask, memory, need_attention=need_attention)
        late = torch.zeros(len(target_mask))
        lengths = target_mask.sum(1).float()
        penalties = {"size": 1e-4 * output.logits.square().mean()} if len(target_mask) % 2 else {}
        report = {"length": float(lengths.mean())} | {name: value.item() for name, value in penalties.items()}
        if torch.is_grad_enabled():

            def on_the_way_back(gradient: Tensor) -> None:
                late.copy_(gradient.flatten(1).norm(dim=1))
                self.seen.append(report | {"late": float(late.mean())})

            output.logits.register_hook(on_the_way_back)
            return replace(output, penalties=penalties, statistics={"length": lengths, "late": late})
        self.seen.append(report)
        return replace(output, penalties=penalties, statistics={"length": lengths})

    def concern(self, statistics: Mapping[str, float]) -> str:
        return WORRY if self.worried and statistics["length"] > 0 else ""


class Config(Transformer.Config):
    """Of it."""

    worried: bool = False

    def build(self, source_vocabulary: int, target_vocabulary: int, pad: int = SPECIAL.pad) -> Reporting:
        model = Reporting(self, source_vocabulary, target_vocabulary, pad)
        model.seen, model.worried = [], self.worried
        return model


_SMALL: dict[str, Any] = {"model_dim": 16, "feedforward_dim": 32, "heads": 2, "encoder_layers": 1, "decoder_layers": 1}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    directory = tmp_path_factory.mktemp("data")
    return directory, *prepared(directory)


def made(data: Prepared, name: str, *, worried: bool = False, **changes: Any) -> Trainer:
    directory, store, tokenizers = data
    config = Config(**_SMALL, worried=worried)
    return trainer(directory / name, store, tokenizers, ALONE, reporting(**changes), config=config, reporter=Silence())


def seen(training: Trainer) -> list[dict[str, float]]:
    """What its model has reported."""
    assert isinstance(training.model, Reporting)
    return training.model.seen


def lines(directory: Path, event: str = "progress") -> dict[int, dict[str, Any]]:
    return {r["update"]: r["statistics"] for r in logged(directory) if r["event"] == event}


def mean(reports: list[dict[str, float]]) -> dict[str, float]:
    values = defaultdict(list)
    for report in reports:
        for name, value in report.items():
            values[name].append(value)
    return {name: math.fsum(these) / len(these) for name, these in values.items()}


def test_a_log_line_has_the_means_over_its_micro_batches(data: Prepared) -> None:
    """Of those that have it; and of what the gradient brings, the values that it brought."""
    training = made(data, "means", validate_every=100, updates=12)
    training.train()
    micro_batches = seen(training)[:24]
    assert {len(report) for report in micro_batches} == {2, 3}  # the penalty is missing in some
    found = lines(data[0] / "means")
    assert list(found) == [6, 12]
    assert found[6] == pytest.approx(mean(micro_batches[:12]), rel=1e-5)
    assert found[12] == pytest.approx(mean(micro_batches[12:]), rel=1e-5)
    assert found[6]["late"] > 0


def test_a_validation_has_the_means_over_its_batches(data: Prepared) -> None:
    training = made(data, "validated", updates=4)
    training.validation = replace(training.validation, batch_tokens=200)
    training.train()
    batches = [report for report in seen(training) if "late" not in report]
    assert len(batches) > 3
    assert lines(data[0] / "validated", "validated")[4] == pytest.approx(mean(batches), rel=1e-5)


def test_a_refinement_reports_too(data: Prepared) -> None:
    directory, store, tokenizers = data
    training = refining(updates=2)
    config = Config(**_SMALL)
    trainer(directory / "refined", store, tokenizers, ALONE, training, config=config).train()
    assert all(values["late"] > 0 for values in lines(directory / "refined").values())


def test_tensorboard_has_a_curve_of_each(data: Prepared) -> None:
    made(data, "drawn").train()
    board = EventAccumulator(str(data[0] / "drawn" / "tensorboard"))
    board.Reload()
    scalars = set(board.Tags()["scalars"])
    assert {"train/model/length", "train/model/late", "train/model/size", "validation/model/length"} <= scalars
    found = {event.step: event.value for event in board.Scalars("train/model/late")}
    assert found == pytest.approx({update: values["late"] for update, values in lines(data[0] / "drawn").items()})


@pytest.mark.parametrize("stop_at", [9, 14])
def test_stopped_in_between_the_lines_are_the_same(
    data: Prepared, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    made(data, "whole").train()
    stopped = made(data, f"stopped{stop_at}")
    monkeypatch.setattr(stopped, "_update", interrupting(stopped, stop_at))
    assert not stopped.train().finished
    made(data, f"stopped{stop_at}").train()
    assert logged(data[0] / "whole") == logged(data[0] / f"stopped{stop_at}")


@pytest.mark.slow
def test_the_lines_do_not_depend_on_processes_and_stops(data: Prepared) -> None:
    """A DEQ by one process; by two; by two, then one; each with a stop between two lines, or without."""
    directory, store, tokenizers = data

    def alone(name: str, **changes: Any) -> None:
        training = reporting(**changes)
        trainer(directory / name, store, tokenizers, ALONE, training, config=equilibrium()).train()

    alone("alone")
    run_two_processes(directory / "together", 16, "deq")
    run_two_processes(directory / "in_turn", 9, "deq")
    run_two_processes(directory / "again", 9, "deq")
    alone("in_turn")
    run_two_processes(directory / "again", 16, "deq")
    expected = lines(directory / "alone")
    assert {"encoder_residual", "decoder_backward_iterations", "encoder_jacobian"} <= set(expected[12])
    for name in ("together", "in_turn", "again"):
        assert lines(directory / name) == expected


def test_a_checkpoint_from_before_statistics_goes_on() -> None:
    old = Position.model_validate_json('{"update": 7, "since_log": {"loss": 2.0, "units": 4, "updates": 1}}')
    window = Window(old, ALONE, 2)
    window.observe(1, {"length": 3.0})
    line = window.progress(10, 0.1)
    assert line.loss == 0.5
    assert line.statistics == {"length": 3.0}


def test_what_is_not_finite_is_saved_and_logged(data: Prepared) -> None:
    position = Position()
    Window(position, ALONE, 2).observe(0, {"residual": math.inf})
    assert Position.model_validate_json(position.model_dump_json()).since_log == position.since_log
    training = made(data, "infinite", updates=6)
    training.window.observe(0, {"residual": math.inf})
    training.train()
    assert "Infinity" not in (data[0] / "infinite" / "log.jsonl").read_text()  # which is no JSON
    assert lines(data[0] / "infinite")[6]["residual"] is None


def test_means_count_what_has_the_name() -> None:
    first: dict[str, tuple[float, int]] = {}
    add(first, {"a": 1.0})
    add(first, {"a": 2.0, "b": 5.0})
    assert means([first, {}, {"a": (6.0, 1)}]) == {"a": 3.0, "b": 5.0}
    assert means([]) == {}


def notes(directory: Path) -> list[tuple[int, str]]:
    return [(r["update"], r["message"]) for r in logged(directory) if r["event"] == "note"]


def test_a_concern_is_told_once_even_across_a_stop(data: Prepared) -> None:
    made(data, "worried", worried=True, log_every=2, updates=9).train()
    made(data, "worried", worried=True, log_every=2, updates=20).train()
    assert notes(data[0] / "worried") == [(2, WORRY)]
    made(data, "calm", log_every=2).train()
    assert notes(data[0] / "calm") == []


def test_a_divergence_is_explained_by_the_model_too(data: Prepared) -> None:
    """Though it comes before the first log line."""
    changes: dict[str, Any] = {"schedule": Constant(learning_rate=1e30), "max_bad_updates": 3, "log_every": 1000}
    with pytest.raises(UserError, match=rf"diverged(.|\n)*{WORRY}"):
        made(data, "diverged", worried=True, **changes).train()
    with pytest.raises(UserError, match=r"diverged") as error:
        made(data, "diverged_calm", **changes).train()
    assert "The model reports" not in str(error.value)
