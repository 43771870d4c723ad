from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from nmt.errors import UserError
from nmt.interop.fairseq_checkpoint import read_checkpoint
from tests.unit.interop.fairseq_files import MODEL, new_checkpoint, old_checkpoint
from tests.unit.interop.fairseq_states import transformer


def test_an_old_and_a_new_checkpoint_say_the_same(tmp_path: Path) -> None:
    state = transformer()
    old = read_checkpoint(old_checkpoint(tmp_path / "old.pt", state))
    new = read_checkpoint(new_checkpoint(tmp_path / "new.pt", state))
    assert (old.updates, new.updates) == (7, 8)
    for checkpoint in (old, new):
        assert checkpoint.architecture == "transformer_wmt_en_de"
        assert {name: checkpoint.model[name] for name in MODEL} == dict(MODEL)
        assert checkpoint.task["source_lang"] == "en"
        assert checkpoint.task["task"] == "translation"
        assert checkpoint.bpe["bpe"] is None
        assert all(torch.equal(checkpoint.state[name], state[name]) for name in state)


def test_nested_settings_are_flags(tmp_path: Path) -> None:
    nested = {
        "_name": "transformer",
        "encoder": {"layers": 3, "learned_pos": True},
        "decoder": {"layers": 4},
        "quant_noise": {"pq": 0.1},
        "dropout": 0.2,
    }
    checkpoint = read_checkpoint(new_checkpoint(tmp_path / "new.pt", model=nested))
    assert checkpoint.architecture == "transformer"
    assert checkpoint.model["encoder_layers"] == 3
    assert checkpoint.model["encoder_learned_pos"] is True
    assert checkpoint.model["decoder_layers"] == 4
    assert checkpoint.model["quant_noise_pq"] == 0.1


def test_what_it_says_of_its_text(tmp_path: Path) -> None:
    pieces = {"_name": "subword_nmt", "bpe_separator": "##"}
    new = read_checkpoint(new_checkpoint(tmp_path / "new.pt", bpe=pieces, tokenizer={"_name": "moses"}))
    assert new.bpe["bpe"] == "subword_nmt"
    assert new.bpe["bpe_separator"] == "##"
    assert new.tokenizer["tokenizer"] == "moses"
    old = read_checkpoint(old_checkpoint(tmp_path / "old.pt", bpe="fastbpe", tokenizer="space"))
    assert (old.bpe["bpe"], old.tokenizer["tokenizer"]) == ("fastbpe", "space")


def test_one_number_of_positions_for_both_sides(tmp_path: Path) -> None:
    """As the oldest checkpoints have it."""
    path = tmp_path / "old.pt"
    content = torch.load(old_checkpoint(path, max_positions=77), weights_only=False)
    del content["args"].max_source_positions
    torch.save(content, path)
    model = read_checkpoint(path).model
    assert (model["max_source_positions"], model["max_target_positions"]) == (77, MODEL["max_target_positions"])


def _containing_itself() -> list[Any]:
    endless: list[Any] = []
    endless.append(endless)
    return endless


def _containing_another_twice() -> list[Any]:
    """Sixty small lists in a file, 2 ** 60 when each is written out where it stands."""
    shared: list[Any] = [1]
    for _ in range(60):
        shared = [shared, shared]
    return shared


def _nested() -> list[Any]:
    nested: list[Any] = []
    for _ in range(150):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (_containing_itself(), "settings nested 101 deep"),
        (_containing_another_twice(), "more than 100,000 settings"),
        (_nested(), "settings nested 101 deep"),
    ],
)
@pytest.mark.parametrize("write", [old_checkpoint, lambda path, **args: new_checkpoint(path, model=args)])
def test_settings_without_end(tmp_path: Path, write: Callable[..., Path], value: list[Any], got: str) -> None:
    path = write(tmp_path / "model.pt", encoder_layers=value)
    with pytest.raises(UserError, match=rf"model\.pt: expected .*, got {got}"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ([1, 2], "list"),
        ({"weights": {}, "step": 3}, "the entries weights, step"),
        ({"model": {}}, "the entries model"),
        ({"model": {"a": 1}, "args": {"arch": "transformer"}}, "nothing but named tensors.*got 'a': int"),
        ({"model": {"a": torch.zeros(1)}, "epoch": 3}, "under `args` or `cfg`, got model, epoch"),
        ({"model": {"a": torch.zeros(1)}, "args": 3}, "under `args` or `cfg`"),
    ],
)
def test_another_file_is_refused(content: Any, found: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "file.pt")
    with pytest.raises(UserError, match=found):
        read_checkpoint(tmp_path / "file.pt")
