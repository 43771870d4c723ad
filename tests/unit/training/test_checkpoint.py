"""Damage is noticed, and the training goes on from what is whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from nmt.data.store import PairStore
from nmt.errors import UserError
from nmt.models.weights import DIGEST
from nmt.tokenizer.base import TokenizerPair
from nmt.training.checkpoint import BEFORE, LAST
from nmt.training.flat import FlatParameters
from nmt.training.trainer import Trainer, TrainingResult
from tests.unit.training.driver import SMALL, Silence, final_weights, options, prepared, trainer
from tests.unit.training.runs import ALONE, Prepared, logged

UPDATES = 24
HALF = 13
"""Its checkpoints: of updates 5, 8, 10 and 13."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    directory = tmp_path_factory.mktemp("data")
    return directory, *prepared(directory)


@pytest.fixture(scope="module")
def half(data: Prepared) -> Path:
    """A training that has stopped at update 13."""
    made(data, data[0] / "half", updates=HALF).train()
    return data[0] / "half"


@pytest.fixture(scope="module")
def whole(data: Prepared) -> Path:
    """The same training to its end."""
    made(data, data[0] / "whole").train()
    return data[0] / "whole"


def made(data: tuple[Path, PairStore, TokenizerPair], directory: Path, **changes: Any) -> Trainer:
    reporter = changes.pop("reporter", Silence())
    config = changes.pop("config", SMALL)
    training = options(**{"best_by": "loss", "updates": UPDATES, **changes})
    return trainer(directory, *data[1:], ALONE, training, reporter=reporter, config=config)


def resumed(data: Prepared, half: Path, directory: Path, harm: Callable[[Path], object]) -> tuple[TrainingResult, str]:
    """Goes on from the stopped training after its checkpoints were harmed; also what was said of it."""
    shutil.copytree(half, directory)
    harm(directory / "checkpoints")
    reporter = Silence()
    result = made(data, directory, reporter=reporter).train()
    return result, "\n".join(event for event in reporter.events if isinstance(event, str))


def flip(path: Path, place: float = 0.5) -> None:
    """One bit."""
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)


def move_on(path: Path) -> None:
    """The position says that all is done; the weights are as they were."""
    with safe_open(path, "pt") as file:
        metadata = dict(file.metadata())
    position = json.loads(metadata["position"]) | {"update": UPDATES, "validated": UPDATES}
    save_file(load_file(path), path, {**metadata, "position": json.dumps(position)})


HARMS: dict[str, Callable[[Path], object]] = {
    "one bit": lambda folder: flip(folder / LAST),
    "the last byte": lambda folder: flip(folder / LAST, 0.9999),
    "cut": lambda folder: (folder / LAST).write_bytes((folder / LAST).read_bytes()[:-100]),
    "empty": lambda folder: (folder / LAST).write_bytes(b""),
    "the header": lambda folder: flip(folder / LAST, 0.001),
    "the position": lambda folder: move_on(folder / LAST),
    "gone": lambda folder: (folder / LAST).unlink(),
}


@pytest.mark.parametrize("harm", HARMS)
def test_where_the_last_checkpoint_is_damaged_the_one_before_it_goes_on(
    harm: str, data: Prepared, half: Path, whole: Path, tmp_path: Path
) -> None:
    result, said = resumed(data, half, tmp_path / "train", HARMS[harm])
    assert result.finished
    assert (final_weights(tmp_path / "train") == final_weights(whole)).all()
    assert ("damaged" in said and "resuming from the one before it" in said) == (harm != "gone")
    assert [r for r in logged(tmp_path / "train") if r["event"] == "progress"] == [
        r for r in logged(whole) if r["event"] == "progress"
    ]


def test_where_both_are_damaged_nothing_is_used_and_a_way_out_is_named(
    data: Prepared, half: Path, tmp_path: Path
) -> None:
    def both(folder: Path) -> None:
        flip(folder / LAST)
        flip(folder / BEFORE)

    with pytest.raises(UserError, match=r"last\.safetensors.*damaged.*move the run's folder train/.*`nmt average`"):
        resumed(data, half, tmp_path / "train", both)


def test_checkpoints_of_earlier_versions_have_no_digest_and_load(
    data: Prepared, half: Path, whole: Path, tmp_path: Path
) -> None:
    def renew(folder: Path) -> None:
        with safe_open(folder / LAST, "pt") as file:
            metadata = {name: value for name, value in file.metadata().items() if name != DIGEST}
        position = json.loads(metadata["position"])
        for part in ("spent", "scores", "descent"):  # the fields of which were among the others
            position |= position.pop(part)
        since_log = position["since_log"]
        since_log |= {"reward": 0.0, **since_log.pop("tally")}
        for name in ("measure", "best_loss", "newest", "unchanged"):  # what those versions did not note
            del position[name]
        save_file(load_file(folder / LAST), folder / LAST, {"position": json.dumps(position)})
        (folder / BEFORE).unlink()

    result, said = resumed(data, half, tmp_path / "train", renew)
    assert result.finished
    assert not said
    assert (final_weights(tmp_path / "train") == final_weights(whole)).all()


def one_vector(folder: Path) -> None:
    """The last checkpoint as the first version wrote it: one tensor without names, in the order of the attributes."""
    with safe_open(folder / LAST, "pt") as file:
        position = file.metadata()["position"]
    tensors, flat = load_file(folder / LAST), small_model_flat()
    old: dict[str, Tensor] = {name: tensor for name, tensor in tensors.items() if "/" not in name}
    for vector in {name.partition("/")[0] for name in tensors if "/" in name}:
        old[vector] = torch.zeros_like(flat.values)
        for name, part in flat.named(old[vector]).items():
            part.copy_(tensors[f"{vector}/{name}"])
    save_file(old, folder / LAST, {"position": position})
    (folder / BEFORE).unlink()


def small_model_flat() -> FlatParameters:
    return FlatParameters(SMALL.build(60, 60), extra=0)


def test_checkpoints_of_the_version_without_names_load(data: Prepared, half: Path, whole: Path, tmp_path: Path) -> None:
    result, said = resumed(data, half, tmp_path / "train", one_vector)
    assert (result.finished, said) == (True, "")
    assert (final_weights(tmp_path / "train") == final_weights(whole)).all()


class Reordered:
    """Builds the same model with the attributes of its parts in the opposite order."""

    def build(self, source_size: int, target_size: int) -> nn.Module:
        model = SMALL.build(source_size, target_size)
        for module in model.modules():
            if module is not model and not isinstance(module, nn.ModuleList):
                module._modules = dict(reversed(module._modules.items()))
                module._parameters = dict(reversed(module._parameters.items()))
        return model


def test_another_order_of_attributes_goes_on_to_the_same_weights(
    data: Prepared, half: Path, whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(half, tmp_path / "train")
    other = made(data, tmp_path / "train", config=Reordered())
    assert list(other.flat.named(other.flat.values)) != list(small_model_flat().named(small_model_flat().values))
    assert other.train().finished
    torch.testing.assert_close(final_weights(tmp_path / "train"), final_weights(whole), atol=1e-6, rtol=1e-5)


def test_a_checkpoint_without_names_is_not_read_in_another_order(data: Prepared, half: Path, tmp_path: Path) -> None:
    shutil.copytree(half, tmp_path / "train")
    one_vector(tmp_path / "train" / "checkpoints")
    with pytest.raises(UserError, match=r"last\.safetensors: expected .* as in weights_00000013\.safetensors"):
        made(data, tmp_path / "train", config=Reordered())


def test_weights_of_another_model_are_refused_by_name(data: Prepared, half: Path, tmp_path: Path) -> None:
    shutil.copytree(half, tmp_path / "train")
    wider = SMALL.model_copy(update={"feedforward_dim": 48})
    with pytest.raises(UserError, match=r"got values/encoder\S+ of .*32.* instead of .*48"):
        made(data, tmp_path / "train", config=wider)


def test_damaged_weights_are_neither_chosen_nor_averaged(data: Prepared, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "train")
    folder = tmp_path / "train" / "checkpoints"
    best = made(data, tmp_path / "train").position.scores.best_update
    flip(folder / f"weights_{best:08d}.safetensors")
    reporter = Silence()
    result = made(data, tmp_path / "train", reporter=reporter).train()
    said = [event for event in reporter.events if isinstance(event, str)]
    assert any(f"weights of update {best} cannot be used" in note for note in said)
    assert any("validated again" in note for note in said)
    assert result.finished
    assert str(best) not in result.chosen
    for path in folder.glob("weights_*"):
        path.write_bytes(b"")
    with pytest.raises(UserError, match=r"none that are intact\. Raise training\.updates"):
        made(data, tmp_path / "train").train()


def test_weights_of_the_checkpoint_before_are_kept_too(data: Prepared, half: Path) -> None:
    """Going on from it must find what it names."""
    before = trainer(half, *data[1:], ALONE, options(best_by="loss", updates=HALF)).checkpoints
    with safe_open(before.directory / BEFORE, "pt") as file:
        position = json.loads(file.metadata()["position"])
    for update in {*position["kept"], position["scores"]["best_update"]}:
        assert before.weights_path(update).exists()


def test_fewer_updates_than_are_done_end_with_the_weights_that_there_are(
    data: Prepared, whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole, tmp_path / "train")
    result = made(data, tmp_path / "train", updates=10).train()
    assert result.finished
    assert result.position.update == UPDATES
    assert (final_weights(tmp_path / "train") == final_weights(whole)).all()
