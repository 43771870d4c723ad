"""Groups of parameters: a module gets what it asks for, the others nothing else, and a training goes on with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from nmt.models.transformer import Transformer
from nmt.nn.parameter_groups import REST, Grouped, ParameterGroup, parameter_groups
from nmt.tokenizer.base import SPECIAL
from nmt.training.checkpoint import LAST
from nmt.training.flat import FlatParameters
from nmt.training.optimizer import AdamThenSGD, AdamW, OptimizerOptions
from tests.unit.training.driver import SMALL, options, prepared, trainer
from tests.unit.training.runs import ALONE, Prepared, interrupting, logged

NEUTRAL, HALF, STILL = (ParameterGroup(f"factor {factor}", factor, factor > 0) for factor in (1.0, 0.5, 0.0))


class Embedding(nn.Embedding, Grouped):
    """Puts its own weights into a group."""

    group: ParameterGroup

    def parameter_group(self, name: str) -> ParameterGroup | None:
        return self.group


class Model(Transformer, Grouped):
    """Puts its embeddings into a group."""

    group: ParameterGroup

    def parameter_group(self, name: str) -> ParameterGroup | None:
        return self.group if "embedding" in name else None


class Config(Transformer.Config):
    """Of it."""

    factor: float = 1.0

    def build(self, source_vocabulary: int, target_vocabulary: int, pad: int = SPECIAL.pad) -> Model:
        model = Model(self, source_vocabulary, target_vocabulary, pad)
        model.group = {group.learning_rate_factor: group for group in (NEUTRAL, HALF, STILL)}[self.factor]
        return model


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    directory = tmp_path_factory.mktemp("data")
    return directory, *prepared(directory)


def weights(directory: Path) -> dict[str, Tensor]:
    tensors = load_file(directory / "checkpoints" / LAST)
    return {name: tensor for name, tensor in tensors.items() if name.startswith("values/")}


def made(data: Prepared, name: str, config: Any, **changes: Any) -> Any:
    training = options(**({"best_by": "loss", "updates": 10} | changes))
    return trainer(data[0] / name, *data[1:], ALONE, training, config=config)


def grouped(factor: float) -> Config:
    return Config(**SMALL.model_dump(exclude={"kind"}), factor=factor)


def test_the_innermost_module_decides_and_the_rest_is_together() -> None:
    class Outer(nn.Module, Grouped):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.gain = Embedding(3, 2), nn.Parameter(torch.ones(2))
            self.inner.group = HALF

        def parameter_group(self, name: str) -> ParameterGroup | None:
            return STILL if name != "gain" else None

    assert parameter_groups(Outer()) == {"gain": REST, "inner.weight": HALF}


def test_a_group_lies_in_one_piece_and_its_parameters_are_the_models() -> None:
    model = grouped(0.5).build(60, 60)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    flat = FlatParameters(model, extra=1)
    assert {group.group for group in flat.groups} == {REST, HALF}
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name])
        (group,) = [group for group in flat.groups if name in group.layout]
        assert group.named(group.parameter.data)[name].data_ptr() == parameter.data_ptr()
        assert parameter.grad is not None
        assert flat.named(flat.gradients)[name].data_ptr() == parameter.grad.data_ptr()


def test_a_group_that_asks_for_nothing_changes_nothing(data: Prepared) -> None:
    made(data, "plain", SMALL).train()
    made(data, "neutral", grouped(1.0)).train()
    plain, neutral = weights(data[0] / "plain"), weights(data[0] / "neutral")
    assert plain.keys() == neutral.keys()
    assert all(torch.equal(tensor, neutral[name]) for name, tensor in plain.items())
    assert logged(data[0] / "plain") == logged(data[0] / "neutral")


def test_a_factor_of_zero_keeps_the_weights(data: Prepared) -> None:
    training = made(data, "still", grouped(0.0))
    before = {name: parameter.detach().clone() for name, parameter in training.model.named_parameters()}
    training.train()
    after = weights(data[0] / "still")
    kept = {name for name, tensor in before.items() if torch.equal(tensor, after[f"values/{name}"])}
    assert kept == {name for name, group in parameter_groups(training.model).items() if group == STILL}


@pytest.mark.parametrize("optimizer", [AdamW(), AdamThenSGD(adam_updates=4, adam_learning_rate=3e-3)])
@pytest.mark.parametrize("stop_at", [3, 6])
def test_a_training_in_groups_goes_on_where_it_was(
    data: Prepared, monkeypatch: pytest.MonkeyPatch, optimizer: OptimizerOptions, stop_at: int
) -> None:
    name = f"{type(optimizer).__name__}{stop_at}"
    made(data, f"whole{name}", grouped(0.5), optimizer=optimizer).train()
    stopped = made(data, name, grouped(0.5), optimizer=optimizer)
    monkeypatch.setattr(stopped, "_update", interrupting(stopped, stop_at))
    assert not stopped.train().finished
    made(data, name, grouped(0.5), optimizer=optimizer).train()
    whole, resumed = weights(data[0] / f"whole{name}"), weights(data[0] / name)
    assert all(torch.equal(tensor, resumed[parameter]) for parameter, tensor in whole.items())
