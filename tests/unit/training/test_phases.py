"""A training in two phases ends with a model of the second, whatever the first one's validations said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from nmt.bundle import Metadata, save_bundle
from nmt.data.store import PairStore
from nmt.models.base import EncoderDecoder
from nmt.models.deq import DEQ, Pretraining
from nmt.models.gnmt import GNMT
from nmt.models.weights import named_weights
from nmt.nn.annealing import anneal
from nmt.nn.clipping import Clipping
from nmt.pipeline.start import initial_model
from nmt.tokenizer.base import TokenizerPair
from nmt.training import Training
from nmt.training.schedule import Plateau
from nmt.training.trainer import Trainer
from nmt.training.validation import Validation
from tests.unit.training.driver import equilibrium, options, prepared, trainer
from tests.unit.training.runs import ALONE, interrupting, logged

Prepared = tuple[Path, PairStore, TokenizerPair]

LAST_SHALLOW = 4
"""Update that ends pretraining."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    directory = tmp_path_factory.mktemp("data")
    return directory, *prepared(directory)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, float]]:
    """Validations, each with the explicit steps of the model and its loss, which rises tenfold with the switch.

    In either phase a later validation is a little better than an earlier one, until the third.
    """
    seen: list[tuple[int, float]] = []

    def validate(model: DEQ, *_: object) -> Validation:
        steps = int(model.explicit_steps)
        before = sum(phase == steps for phase, _ in seen)
        loss = (0.1 if steps else 1.0) * (1.0 - 0.1 * before if before < 3 else 2.0)
        seen.append((steps, loss))
        return Validation(loss, {"bleu": -loss}, (), {})

    monkeypatch.setattr("nmt.training.trainer.validate", validate)
    return seen


def two_phases(**changes: Any) -> DEQ.Config:
    return equilibrium().model_copy(update={"pretraining": Pretraining(updates=LAST_SHALLOW)} | changes)


def made(data: Prepared, name: str, config: Any = None, **changes: Any) -> Trainer:
    directory, store, tokenizers = data
    training = options(**({"best_by": "loss", "updates": 8, "validate_every": 2} | changes))
    return trainer(directory / name, store, tokenizers, ALONE, training, config=config or two_phases())


def explicit_steps(training: Trainer) -> int:
    assert isinstance(training.model, DEQ)
    return int(training.model.explicit_steps)


def notes(directory: Path, about: str = "another function") -> list[int]:
    return [r["update"] for r in logged(directory) if r["event"] == "note" and about in r["message"]]


def best(directory: Path) -> dict[int, bool]:
    """Updates with a validation, and whether it was the best so far."""
    return {r["update"]: r["best"] for r in logged(directory) if r["event"] == "validated" and r["what"] == "weights"}


@pytest.mark.parametrize("best_by", ["loss", "bleu"])
def test_better_validations_of_pretraining_are_not_chosen(
    data: Prepared, judged: list[tuple[int, float]], best_by: str
) -> None:
    training = made(data, f"chosen_by_{best_by}", best_by=best_by, average_checkpoints=1)
    result = training.train()
    assert [steps for steps, _ in judged] == [2, 2, 0, 0]
    assert max(loss for steps, loss in judged if steps) < min(loss for steps, loss in judged if not steps)
    assert result.position.scores.best_update == 8
    assert "update 8" in result.chosen
    assert explicit_steps(training) == 0
    saved = load_file(data[0] / f"chosen_by_{best_by}" / "checkpoints" / "weights_00000008.safetensors")
    for name, tensor in named_weights(training.model).items():
        assert torch.equal(tensor, saved[name])


def test_the_first_validation_after_the_switch_is_the_best_so_far(
    data: Prepared, judged: list[tuple[int, float]]
) -> None:
    made(data, "first").train()
    assert best(data[0] / "first") == {2: True, 4: True, 6: True, 8: True}
    assert notes(data[0] / "first") == [LAST_SHALLOW + 1]
    assert len(judged) == 5  # with the average


def test_averages_are_of_weights_after_the_switch(data: Prepared, judged: list[tuple[int, float]]) -> None:
    training = made(data, "averaged", average_checkpoints=8)
    result = training.train()
    assert judged[-1] == (0, min(loss for steps, loss in judged if not steps))
    assert result.chosen == "average of the last 2 (updates 6 to 8)"
    assert result.position.kept == [6, 8]
    folder = data[0] / "averaged" / "checkpoints"
    six, eight = (load_file(folder / f"weights_0000000{update}.safetensors") for update in (6, 8))
    for name, parameter in training.model.named_parameters():
        torch.testing.assert_close(parameter.data, (six[name] + eight[name]) / 2)
    assert explicit_steps(training) == 0


def test_one_validation_after_the_switch_is_not_averaged_with_those_before(
    data: Prepared, judged: list[tuple[int, float]]
) -> None:
    training = made(data, "single", updates=6, average_checkpoints=8)
    assert training.train().chosen == "best single weights (update 6)"
    assert len(judged) == 3
    assert explicit_steps(training) == 0


def test_patience_is_counted_anew(data: Prepared, judged: list[tuple[int, float]]) -> None:
    """Update 4 is the first validation that is worse, and two of these would end the training."""
    changes: dict[str, Any] = {"validate_every": 1, "patience": 2, "updates": 30, "average_checkpoints": 1}
    result = made(data, "patient", **changes).train()
    assert best(data[0] / "patient") == {n: n not in (4, 8, 9) for n in range(1, 10)}
    assert (result.position.update, result.position.scores.best_update) == (9, 7)
    assert [steps for steps, _ in judged] == [2] * 4 + [0] * 5


def test_a_loss_that_rises_with_the_switch_is_no_plateau(data: Prepared, judged: list[tuple[int, float]]) -> None:
    """Update 4 is a validation without a lower loss; a second in a row would lower the rate."""
    schedule = Plateau(learning_rate=1e-3, patience=2, keep_falling=False)
    training = made(data, "plateau", validate_every=1, updates=8, average_checkpoints=1, schedule=schedule)
    result = training.train()
    losses = [loss for _, loss in judged]
    assert losses[3] > losses[2]
    assert losses[4] > losses[2]
    assert result.position.descent.reductions == 0
    assert (result.position.descent.lowest_loss, result.position.descent.stale_loss) == (losses[6], 1)


@pytest.mark.parametrize("stop_at", [3, 4, 5, 7])
def test_a_stop_near_the_switch_changes_nothing(data: Prepared, monkeypatch: pytest.MonkeyPatch, stop_at: int) -> None:
    """With real validations: the log, the choice and the weights are those of an undisturbed training."""
    whole = made(data, f"undisturbed{stop_at}")
    expected = whole.train()
    stopped = made(data, f"stopped{stop_at}")
    monkeypatch.setattr(stopped, "_update", interrupting(stopped, stop_at))
    assert not stopped.train().finished
    resumed = made(data, f"stopped{stop_at}")
    assert explicit_steps(resumed) == (2 if stop_at <= LAST_SHALLOW else 0)
    found = resumed.train()
    assert logged(data[0] / f"stopped{stop_at}") == logged(data[0] / f"undisturbed{stop_at}")
    assert notes(data[0] / f"stopped{stop_at}") == [LAST_SHALLOW + 1]
    assert found.chosen == expected.chosen
    for name, tensor in named_weights(whole.model).items():
        assert torch.equal(tensor, named_weights(resumed.model)[name])
    assert explicit_steps(resumed) == 0


@dataclass(frozen=True)
class Start:
    """Stands for a config whose model starts from a model directory."""

    config: DEQ.Config
    training: Training
    tokenizers: TokenizerPair
    store: PairStore

    def build(self, *_: int) -> EncoderDecoder[Any, Any]:
        return initial_model(self.config, self.training, self.tokenizers, self.store)


def saved_model(data: Prepared, name: str, explicit_steps: int) -> Path:
    """Weights of this phase."""
    directory, _, tokenizers = data
    size = tokenizers.source.vocabulary_size
    torch.manual_seed(4)
    model = two_phases().build(size, size)
    model.explicit_steps.fill_(explicit_steps)
    metadata = Metadata(
        nmt_version="0",
        source_language="en",
        target_language="de",
        source_vocabulary=size,
        target_vocabulary=size,
        tokenizer_digests={"source": tokenizers.source.digest, "target": tokenizers.target.digest},
        parameters=1,
        longest_source=9,
        longest_target=9,
        created="2000-01-01T00:00:00Z",
    )
    save_bundle(directory / name, model, tokenizers, {"model": two_phases().model_dump(mode="json")}, metadata)
    return directory / name


def fine_tuned(data: Prepared, name: str, start: Path) -> Trainer:
    """From that model; it is validated before the first update."""
    changes: dict[str, Any] = {"start_from": start, "updates": 6, "validate_every": 3, "average_checkpoints": 8}
    training = made(data, name, Start(two_phases(), options(**changes), data[2], data[1]), **changes)
    training.train()
    return training


def test_a_training_that_starts_from_an_equilibrium_does_not_pretrain_again(
    data: Prepared, judged: list[tuple[int, float]]
) -> None:
    start = saved_model(data, "trained", 0)
    training = fine_tuned(data, "fine_tuned", start)
    assert [steps for steps, _ in judged] == [0] * 4  # the start, 3, 6 and their average
    assert notes(data[0] / "fine_tuned") == []
    assert training.position.kept == [0, 3, 6]
    lines = [r for r in logged(data[0] / "fine_tuned") if r["event"] == "progress"]
    assert all("encoder_iterations" in line["statistics"] for line in lines)  # which explicit steps do not have


def test_a_training_that_starts_from_a_pretrained_model_goes_on_with_pretraining(
    data: Prepared, judged: list[tuple[int, float]]
) -> None:
    start = saved_model(data, "pretrained", 2)
    training = fine_tuned(data, "continued", start)
    assert [steps for steps, _ in judged] == [2, 2, 0]
    assert notes(data[0] / "continued") == [LAST_SHALLOW + 1]
    assert training.position.kept == [6]


def test_a_bound_that_moves_is_no_new_phase(data: Prepared) -> None:
    """GNMT's validations compare throughout."""
    clipping = Clipping(start=8.0, end=1.0, from_update=2, until_update=5)
    config = GNMT.Config(model_dim=8, encoder_layers=2, decoder_layers=2, clipping=clipping)
    model = config.build(12, 12)
    assert not any(anneal(model, update) for update in range(1, 9))
    training = made(data, "annealed", config, average_checkpoints=8)
    training.train()
    assert training.position.kept == [2, 4, 6, 8]
    assert notes(data[0] / "annealed") == []
