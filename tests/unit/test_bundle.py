"""A model directory comes back as it was saved, anywhere, and says clearly what is wrong with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from nmt.bundle import (
    METADATA,
    RECIPE,
    TOKENIZER,
    WEIGHTS,
    Metadata,
    add_scores,
    load_bundle,
    read_metadata,
    save_bundle,
)
from nmt.errors import UserError
from nmt.models.transformer import Transformer
from nmt.models.weights import named_weights, parameter_count
from nmt.tokenizer import SentencePieceOptions, save_tokenizers
from nmt.tokenizer.base import TokenizerPair

CONFIG = Transformer.Config(model_dim=16, feedforward_dim=16, heads=2, encoder_layers=1, decoder_layers=1)


def tokenizers(directory: Path, text: str) -> TokenizerPair:
    file = directory / "text"
    file.write_text(text * 20, encoding="utf-8")
    options = SentencePieceOptions(algorithm="bpe", vocabulary_size=40, byte_fallback=False)
    return options.train(file, file, directory / "tokenizer")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A model directory of a random model."""
    pair = tokenizers(tmp_path, "one two three four five six seven\n")
    torch.manual_seed(1)
    model = CONFIG.build(40, 40)
    metadata = Metadata(
        nmt_version="0",
        source_language="en",
        target_language="de",
        source_vocabulary=40,
        target_vocabulary=40,
        tokenizer_digests={"source": pair.source.digest, "target": pair.target.digest},
        parameters=parameter_count(model),
        created="2000-01-01T00:00:00+00:00",
    )
    save_bundle(tmp_path / "model", model, pair, {"name": "ä", "model": CONFIG.model_dump(mode="json")}, metadata)
    return tmp_path / "model"


def test_it_works_wherever_it_is_copied(saved: Path, tmp_path: Path) -> None:
    first = load_bundle(saved)
    shutil.copytree(saved, tmp_path / "elsewhere")
    shutil.rmtree(saved)
    bundle = load_bundle(tmp_path / "elsewhere")
    for name, tensor in named_weights(first.model).items():
        assert torch.equal(named_weights(bundle.model)[name], tensor)
    assert not bundle.model.training
    assert bundle.tokenizers.source.decode(bundle.tokenizers.source.encode("two three")) == "two three"
    assert bundle.recipe["name"] == "ä"


def test_other_options_take_the_place_of_the_recipes(saved: Path) -> None:
    options = CONFIG.model_copy(update={"heads": 4}).model_dump(mode="json")
    usual, other = load_bundle(saved), load_bundle(saved, model_options=options)
    assert other.recipe == {"name": "ä", "model": options}
    tokens = torch.tensor([[5, 6, 7, 3]])
    real = torch.ones_like(tokens, dtype=torch.bool)
    found = [b.model.decode(tokens, real, b.model.encode(tokens, real)).logits for b in (usual, other)]
    assert not torch.allclose(*found)
    again = load_bundle(saved, model_options=usual.recipe["model"]).model
    assert torch.equal(again.decode(tokens, real, again.encode(tokens, real)).logits, found[0])


def test_options_of_other_weights_are_refused(saved: Path) -> None:
    with pytest.raises(UserError, match="shape"):
        load_bundle(saved, model_options={**CONFIG.model_dump(mode="json"), "model_dim": 32})
    with pytest.raises(UserError, match="a model that this version knows"):
        load_bundle(saved, model_options={"kind": "transformer", "depth": 3})


def test_saving_again_replaces_all_of_it(saved: Path) -> None:
    (saved / "stray").write_text("x")
    bundle = load_bundle(saved)
    save_bundle(saved, bundle.model, bundle.tokenizers, bundle.recipe, bundle.metadata)
    assert sorted(path.name for path in saved.iterdir()) == sorted([WEIGHTS, RECIPE, TOKENIZER, METADATA])
    assert sorted(path.name for path in saved.parent.iterdir()) == ["model", "text", "tokenizer"]


def test_another_tokenizer_is_refused(saved: Path, tmp_path: Path) -> None:
    shutil.rmtree(saved / TOKENIZER)
    (tmp_path / "other").mkdir()
    save_tokenizers(tokenizers(tmp_path / "other", "eins zwei drei vier sechs acht\n"), saved / TOKENIZER)
    with pytest.raises(UserError, match="tokenizer that the model was trained with"):
        load_bundle(saved)


def test_weights_of_another_model_are_refused(saved: Path) -> None:
    weights = load_file(saved / WEIGHTS)
    removed = min(weights)
    save_file({**{n: t for n, t in weights.items() if n != removed}, "strange": torch.zeros(1)}, saved / WEIGHTS)
    with pytest.raises(UserError, match=rf"1 missing \({removed}\), 1 unexpected \(strange\)"):
        load_bundle(saved)
    save_file(weights | {removed: torch.zeros(3, 3)}, saved / WEIGHTS)
    with pytest.raises(UserError, match=r"\(3, 3\)"):
        load_bundle(saved)


@pytest.mark.parametrize("name", [WEIGHTS, METADATA, RECIPE])
def test_damage_is_a_clear_error(saved: Path, name: str) -> None:
    path = saved / name
    path.write_bytes(b"\x00\xff" + path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        load_bundle(saved)


@pytest.mark.parametrize("name", [WEIGHTS, METADATA, RECIPE])
def test_a_missing_part_is_a_clear_error(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(UserError):
        load_bundle(saved)


def test_a_newer_layout_asks_for_a_newer_version(saved: Path) -> None:
    data = json.loads((saved / METADATA).read_text())
    (saved / METADATA).write_text(json.dumps(data | {"format_version": 99, "something": "new"}))
    with pytest.raises(UserError, match="Upgrade nmt"):
        read_metadata(saved)


def test_scores_are_added_and_nothing_else_changes(saved: Path) -> None:
    before = read_metadata(saved)
    add_scores(saved, {"news": {"bleu": {"score": 1.0}}})
    after = read_metadata(saved)
    assert after.scores == {"news": {"bleu": {"score": 1.0}}}
    assert after.model_copy(update={"scores": {}}) == before


def test_nothing_is_unpickled(saved: Path) -> None:
    assert {path.suffix for path in saved.rglob("*") if path.is_file()} <= {".safetensors", ".yaml", ".json", ".model"}
