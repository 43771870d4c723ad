"""Trainings of cells with orthogonal matrices: what is carried, resumed, averaged and saved."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from nmt.models.luong import Luong
from nmt.models.weights import load_weights, named_weights, read_tensors
from nmt.nn.annealing import carried
from nmt.nn.cells import NCGRU
from nmt.nn.linear.cayley import CayleyLinear
from nmt.training.checkpoint import LAST
from nmt.training.trainer import Trainer
from tests.unit.training.driver import final_weights, options, prepared, trainer
from tests.unit.training.runs import ALONE, Prepared, interrupting, logged

CELL = NCGRU.Config(orthogonal=("candidate", "reset"), exact_every=4)
INVERSE = "decoder.0.candidate.inverse"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    directory = tmp_path_factory.mktemp("data")
    return directory, *prepared(directory)


def made(data: Prepared, name: str, cell: NCGRU.Config = CELL, **changes: Any) -> Trainer:
    directory, store, tokenizers = data
    settings: dict[str, Any] = {"updates": 10, "validate_every": 4, "best_by": "loss", "batch_tokens": 200}
    settings |= {"micro_batches": 2}
    return trainer(directory / name, store, tokenizers, ALONE, options(**(settings | changes)), config=config(cell))


def config(cell: NCGRU.Config = CELL) -> Luong.Config:
    return Luong.Config(
        layers=1, cell=cell, source_embedding_dim=8, target_embedding_dim=8, encoder_dim=8, decoder_dim=8
    )


def orthogonal(model: nn.Module) -> list[CayleyLinear]:
    return [part for part in model.modules() if isinstance(part, CayleyLinear)]


def last(data: Prepared, name: str) -> dict[str, torch.Tensor]:
    return load_file(data[0] / name / "checkpoints" / LAST)


@pytest.mark.parametrize(("stop_at", "changes"), [(6, {}), (4, {"ema_decay": 0.9})])  # update 4 validates, 5 is exact
def test_stopped_it_goes_on_to_the_bit(
    data: Prepared, monkeypatch: pytest.MonkeyPatch, stop_at: int, changes: dict[str, Any]
) -> None:
    names = [f"{part}_{stop_at}_{len(changes)}" for part in ("whole", "parts")]
    made(data, names[0], **changes).train()
    stopped = made(data, names[1], **changes)
    monkeypatch.setattr(stopped, "_update", interrupting(stopped, stop_at))
    assert not stopped.train().finished
    inverse = last(data, names[1])[f"other.{INVERSE}"].clone()
    resumed = made(data, names[1], **changes)
    assert torch.equal(carried(resumed.model)[INVERSE], inverse)
    resumed.train()
    whole, parts = (last(data, name) for name in names)
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert logged(data[0] / names[0]) == logged(data[0] / names[1])


def test_what_is_carried_matters_to_the_last_bit(data: Prepared) -> None:
    """Otherwise the test above would not see it forgotten."""
    made(data, "exact", CELL.model_copy(update={"neumann_order": 0})).train()
    made(data, "series").train()
    exact, series = (final_weights(data[0] / name) for name in ("exact", "series"))
    assert not torch.equal(exact, series)
    torch.testing.assert_close(exact, series, atol=1e-3, rtol=0)
    assert not any("inverse" in name for name in last(data, "exact"))


@pytest.mark.parametrize("changes", [{}, {"ema_decay": 0.9}], ids=str)
def test_the_final_model_has_orthogonal_matrices_and_not_their_inverses(
    data: Prepared, changes: dict[str, Any]
) -> None:
    """Also as a mean of weights, whatever inverse training last carried."""
    training = made(data, f"final_{len(changes)}", average_checkpoints=3, **changes)
    training.train()
    weights = named_weights(training.model)
    assert not any("inverse" in name or "matrix" in name for name in weights)
    kept = sorted((data[0] / f"final_{len(changes)}" / "checkpoints").glob("weights_*"))
    assert all(read_tensors(path)[0].keys() == weights.keys() for path in kept)
    size = data[2].source.vocabulary_size
    other = config().build(size, size).eval()
    load_weights(other, weights, "model")
    training.model.eval()
    matrices = [
        [part for part in model.modules() if isinstance(part, CayleyLinear)] for model in (training.model, other)
    ]
    assert len(matrices[0]) == 4
    for ours, theirs in zip(*matrices, strict=True):
        matrix = theirs.matrix().detach()
        assert torch.equal(ours.matrix(), matrix)
        torch.testing.assert_close(matrix.t() @ matrix, torch.eye(8), atol=1e-6, rtol=0)
