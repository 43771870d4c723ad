"""Memory networks are told their separator before training, and a stop within a linear start changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from nmt.errors import UserError
from nmt.models import ModelConfig
from nmt.models.language.memory_network import MemoryNetworkLM
from nmt.models.memory_network import MemoryNetwork
from nmt.nn.hops import LinearStart
from nmt.pipeline.start import initial_model
from nmt.tokenizer.symbols import SymbolsOptions
from nmt.training.trainer import Trainer
from tests.unit.training.driver import final_weights, options, prepared, trainer
from tests.unit.training.runs import ALONE, Prepared

START = LinearStart(until_update=14)


class WithSeparators(MemoryNetwork.Config):
    """To its models some pieces are separators."""

    def build(self, source_vocabulary: int, target_vocabulary: int, pad: int = 0) -> MemoryNetwork:
        model = super().build(source_vocabulary, target_vocabulary, pad)
        model.separators[20::2] = True
        return model


CONFIGS: dict[str, ModelConfig] = {
    "questions": WithSeparators(model_dim=8, random_memories=0.3, linear_start=START),
    "text": MemoryNetworkLM.Config(model_dim=8, hops=2, memory=4, dropout=0.1, linear_start=START),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    directory = tmp_path_factory.mktemp("data")
    return directory, *prepared(directory)


def made(data: Prepared, name: str, config: ModelConfig, updates: int = 24) -> Trainer:
    training = options(best_by="loss", updates=updates)
    return trainer(data[0] / name, *data[1:], ALONE, training, config=config)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_stop_changes_nothing_in_or_after_the_linear_start(data: Prepared, name: str) -> None:
    config, phase = CONFIGS[name], "weights.linear" if name == "questions" else "decoder.weights.linear"
    made(data, f"{name}-parts", config, updates=11).train()
    resumed = made(data, f"{name}-parts", config)
    assert resumed.flat.others[phase] == 1
    resumed.train()
    assert resumed.flat.others[phase] == 0
    made(data, f"{name}-whole", config).train()
    assert torch.equal(final_weights(data[0] / f"{name}-parts"), final_weights(data[0] / f"{name}-whole"))


def test_a_fresh_model_knows_the_separator_of_its_tokenizer(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("a . b ?\nc . d ?\n", encoding="utf-8")
    tokenizers = SymbolsOptions().train(text, text, tmp_path / "tokenizers")

    def separators(**changes: Any) -> list[int]:
        model = initial_model(MemoryNetwork.Config(**changes), options(), tokenizers)
        assert isinstance(model, MemoryNetwork)
        return model.separators.nonzero().flatten().tolist()

    assert separators() == tokenizers.source.encode(".")
    assert separators(separator="?") == tokenizers.source.encode("?")
    with pytest.raises(UserError, match="';', which is none"):
        separators(separator=";")
