"""Statistics of the training data: the same in all processes, resumed exactly, averaged and never spoilt."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from nmt.models.gnmt import GNMT
from nmt.models.transformer import Transformer
from nmt.models.weights import named_weights
from nmt.nn.cells import GRU
from nmt.nn.cells.norms import CellNormOptions, InputBatchNorm, SiteLayerNorm
from nmt.nn.norm import BatchLayerNorm, BatchNorm, NormConfig
from nmt.training.checkpoint import LAST
from nmt.training.distributed import World
from nmt.training.gathered import GatheredStatistics
from tests.unit.training.driver import SMALL, options, prepared, trainer

ALONE = World(0, 1, torch.device("cpu"))
CONFIG: Transformer.Config = SMALL.model_copy(update={"encoder_norm": BatchNorm.Config()})


@dataclass(frozen=True)
class OneOfTwo(World):
    """Adds what the other process would send."""

    sent: list[Tensor] = field(default_factory=list)
    received: list[Tensor] = field(default_factory=list)

    def sum(self, tensor: Tensor) -> None:
        self.sent.append(tensor.clone())
        for other in self.received:
            tensor += other


def norms(options: CellNormOptions | NormConfig) -> nn.Sequential:
    return nn.Sequential(*(_built(options) for _ in range(2)))


def _built(options: CellNormOptions | NormConfig) -> nn.Module:
    return options.build_at("hh", 4) if isinstance(options, CellNormOptions) else options.build(4)


def first_of(norms: nn.Sequential) -> BatchNorm:
    norm = norms[0]
    assert isinstance(norm, BatchNorm)
    return norm


@pytest.mark.parametrize(
    "options", [BatchNorm.Config(), BatchLayerNorm.Config(), InputBatchNorm.Config(sites=("hh",), least_rows=4)]
)
def test_two_processes_store_what_one_does(options: CellNormOptions | NormConfig) -> None:
    """It reads their parts one after the other."""
    x = torch.randn(10, 3, 4) * 3 + 2
    alone, first, second = norms(options), norms(options), norms(options)
    alone[0](x[:7]), alone[1](x[:2]), alone[0](x[7:]), alone[1](x[2:])
    GatheredStatistics(alone, ALONE).store(usable=True)
    other = OneOfTwo(1, 2, torch.device("cpu"))
    second[0](x[7:]), second[1](x[2:])
    GatheredStatistics(second, other).store(usable=True)
    first[0](x[:7]), first[1](x[:2])
    GatheredStatistics(first, OneOfTwo(0, 2, torch.device("cpu"), received=other.sent)).store(usable=True)
    torch.testing.assert_close(named_weights(first), named_weights(alone))
    assert named_weights(first)["0.running_mean"].any()


def test_what_a_skipped_update_has_read_is_forgotten() -> None:
    model = norms(BatchNorm.Config())
    model(torch.full((3, 4), torch.inf))
    gathered = GatheredStatistics(model, ALONE)
    gathered.store(usable=False)
    gathered.store(usable=True)
    assert torch.equal(first_of(model).running_mean, torch.zeros(4))
    assert torch.equal(first_of(model).running_var, torch.ones(4))


def test_a_model_without_any_sends_nothing() -> None:
    world = OneOfTwo(0, 2, torch.device("cpu"))
    GatheredStatistics(nn.Linear(2, 2), world).store(usable=True)
    assert not world.sent


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Tensor]]:
    """Of the last checkpoint of a training in one part and in two, and the mean of its last two validations."""
    directory = tmp_path_factory.mktemp("data")
    data = prepared(directory)

    def train(name: str, updates: int) -> dict[str, Tensor]:
        training = options(best_by="loss", updates=updates)
        one = trainer(directory / name, *data, ALONE, training, config=CONFIG)
        one.train()
        one._use([16, 24])
        return {key: tensor.clone() for key, tensor in named_weights(one.model).items()}

    found = {"average": train("whole", 24)}
    trainer(directory / "parts", *data, ALONE, options(best_by="loss", updates=11), config=CONFIG).train()
    train("parts", 24)
    for name in ("whole", "parts"):
        found[name] = load_file(directory / name / "checkpoints" / LAST)
    for update in (16, 24):
        path = Path(directory / "whole" / "checkpoints" / f"weights_{update:08d}.safetensors")
        found[str(update)] = load_file(path)
    return found


def test_a_training_in_two_parts_is_the_training_in_one(weights: dict[str, dict[str, Tensor]]) -> None:
    whole, parts = weights["whole"], weights["parts"]
    assert any("running_var" in name for name in whole)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_they_are_averaged_with_the_weights(weights: dict[str, dict[str, Tensor]]) -> None:
    name = "encoder.0.attention_residual.norm.running_var"
    assert not torch.equal(weights["16"][name], weights["24"][name])
    torch.testing.assert_close(weights["average"][name], (weights["16"][name] + weights["24"][name]) / 2)


def test_norms_within_cells_go_on_where_they_were_and_a_moving_average_takes_statistics_in(tmp_path: Path) -> None:
    data = prepared(tmp_path)
    config = GNMT.Config(
        model_dim=8,
        encoder_layers=2,
        decoder_layers=1,
        cell=GRU.Config(norm=SiteLayerNorm.Config()),
        encoder_cell=GRU.Config(norm=InputBatchNorm.Config(sites=None)),
    )

    def train(name: str, updates: int) -> None:
        training = options(best_by="loss", updates=updates, ema_decay=0.9)
        trainer(tmp_path / name, *data, ALONE, training, config=config).train()

    for name, updates in (("whole", 24), ("parts", 11), ("parts", 24)):
        train(name, updates)
    whole, parts = (load_file(tmp_path / name / "checkpoints" / LAST) for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    statistic = "encoder.0.norms.sites.ih.0.running_var"
    kept = load_file(tmp_path / "whole" / "checkpoints" / "weights_00000024.safetensors")
    assert torch.equal(kept[statistic], whole[f"ema/{statistic}"])
    assert not torch.equal(kept[statistic], whole[f"other.{statistic}"])
