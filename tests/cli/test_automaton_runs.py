"""`nmt automaton --runs`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from nmt.models.language.recurrent import RecurrentLM
from nmt.nn.cells import LSTM, NondeterministicStack, TanhCell
from tests.cli.model_directory import save_tiny_model
from tests.cli.symbol_models import decoder_only, save_symbol_model, symbol_tokenizers
from tests.command import nmt, succeed


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model whose stack pushes 1 on 1 and pops on 0 in state 1; on BOS it replaces the bottom by 2."""
    directory = tmp_path_factory.mktemp("counter")
    cell = NondeterministicStack.Config(cell=TanhCell.Config())
    config = RecurrentLM.Config(model_dim=2, layers=1, cell=cell, tied_embeddings=False)
    tokenizers = symbol_tokenizers(directory)
    model = config.build(1, tokenizers.target.vocabulary_size)
    decoder = model.decoder
    assert isinstance(decoder, RecurrentLM)
    (layer,) = decoder.layers
    assert isinstance(layer, NondeterministicStack)
    assert isinstance(layer.cell, TanhCell)
    zero, one = (tokenizers.target.encode(symbol)[0] for symbol in "01")
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        decoder.embedding.weight[zero, 0] = 9.0
        decoder.embedding.weight[one, 1] = 9.0
        layer.cell.input.weight.copy_(torch.eye(2))
        logits = layer.actions.weight.view(6, 14, 2)
        logits[:, 12 + 1, 0] = 40.0
        logits[:, 1, 1] = 40.0
        layer.actions.bias.view(6, 14)[:, 6 + 2] = 20.0
    return save_symbol_model(directory, config, model)


def test_every_token_moves_the_stack(counter: Path, tmp_path: Path) -> None:
    out = succeed("automaton", counter, "--runs", "--json", tmp_path / "runs.json", given="1 1 0\n\n")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "decoder.layers.0: the most probable run on '1 1 0' has 100.0% of the weight of all runs"
    assert lines[1:6] == [
        "token move state stack",
        "<s> replace 0 by 2 0 2",
        "1 push 1 0 2 1",
        "1 push 1 0 2 1 1",
        "0 pop 1 1 2 1",
    ]
    first, empty = json.loads((tmp_path / "runs.json").read_text())["runs"]
    assert first["string"] == ["1", "1", "0"]
    assert first["share"] == pytest.approx(1.0, abs=1e-6)
    assert first["moves"][-1] == {"token": "0", "move": "pop 1", "state": 1, "stack": [2, 1]}
    assert [move["stack"] for move in empty["moves"]] == [[2]]


def test_every_layer_that_reads_the_string_has_a_run(tmp_path: Path) -> None:
    cell = NondeterministicStack.Config(cell=LSTM.Config())
    model = save_symbol_model(tmp_path, decoder_only(cell, 8, layers=2))
    out = succeed("automaton", model, "--runs", given="1 0\n")
    assert [line.split(":")[0] for line in out.splitlines() if ":" in line] == ["decoder.layers.0", "decoder.layers.1"]
    assert out.count("</s>") == 2


def test_models_without_a_stack_and_other_options_are_refused(counter: Path, tmp_path: Path) -> None:
    done = nmt("automaton", save_tiny_model(tmp_path / "tiny"), "--runs", given="")
    assert done.returncode == 2
    assert "expected a model with a cell of kind nondeterministic_stack, got no such cell" in done.stderr
    for option, value in (("--symbols", "0 1"), ("--seed", 1)):  # though 1 is the default
        done = nmt("automaton", counter, "--runs", option, value, given="0\n")
        assert done.returncode == 2
        assert f"--runs: expected no {option}" in done.stderr
