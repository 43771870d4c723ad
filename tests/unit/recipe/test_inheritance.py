"""A recipe that starts from a model takes over what it leaves out, and only that."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmt.bundle import read_recipe
from nmt.errors import UserError
from nmt.models.deq import DEQ, Pretraining
from nmt.models.language.recurrent import RecurrentLM
from nmt.pipeline.quantizing import quantize_model
from nmt.pipeline.start import start_digests
from nmt.recipe import load_recipe
from nmt.recipe.show import as_yaml
from nmt.recipe.sizes import parameter_counts
from nmt.recipe.start import start_conflicts
from nmt.search import BeamSearch
from nmt.tokenizer import load_tokenizers
from nmt.tokenizer.existing import ExistingTokenizer
from nmt.tokenizer.sentencepiece import SentencePieceOptions
from nmt.training import Training
from nmt.training.objectives import Refinement
from tests.cli.model_directory import save_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("start"))


def recipe(model: Path, rest: str = "") -> Path:
    path = model.parent / "fine_tuned.yaml"
    corpus = "{kind: multi30k, source: en, target: de}"
    path.write_text(f"corpus: {corpus}\ntraining: {{start_from: model}}\n{rest}", encoding="utf-8")
    return path


def test_what_is_left_out_comes_from_the_model(model: Path) -> None:
    resolved, start = load_recipe(recipe(model)), read_recipe(model)
    assert resolved.model.model_dump(mode="json") == start["model"]
    assert {name: getattr(resolved.search, name) for name in start["search"]} == start["search"]
    assert resolved.training.start_from == model  # relative paths start from the recipe's folder
    assert resolved.tokenizer == ExistingTokenizer(directory=model)
    assert parameter_counts(resolved.model, resolved.tokenizer)["total"] > 320 * 32


def test_a_path_that_only_the_current_folder_has(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "recipes" / "other.yaml"
    elsewhere.parent.mkdir()
    elsewhere.write_text(recipe(model).read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.chdir(model.parent)
    assert load_recipe(elsewhere).training.start_from == model


def test_what_is_given_stands(model: Path) -> None:
    resolved = load_recipe(recipe(model, "model: {dropout: 0.25}\nsearch: {beam: 9}\n"))
    assert resolved.model.model_dump()["dropout"] == 0.25
    assert isinstance(resolved.search, BeamSearch)
    assert resolved.search.beam == 9
    assert resolved.model.model_dump()["model_dim"] == 32


def test_as_does_an_override(model: Path) -> None:
    resolved = load_recipe(recipe(model), ["model.dropout=0.5"])
    assert resolved.model.model_dump()["dropout"] == 0.5


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("model: {kind: gnmt}\n", "model.kind.*transformer"),
        ("tokenizer: {kind: sentencepiece, vocabulary_size: 320}\n", "Leave the section `tokenizer` out"),
        ("model: {dropuot: 0.25}\n", "dropuot"),
        ("model: {preset: big}\n", "fine_tuned.yaml:3: model.preset: expected no preset"),
        ("model: {model_dim: 64}\n", "source_embedding.weight of 320 x 64 instead of 320 x 32"),
        ("model: {norm: pre}\n", "encoder_norm.weight of 32 instead of no values"),
    ],
)
def test_what_does_not_go_with_the_model_is_refused(model: Path, rest: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        load_recipe(recipe(model, rest))


def test_training_starts_from_no_8_bit_model(model: Path) -> None:
    quantize_model(model, model.with_name("small"))
    with pytest.raises(
        UserError, match=r"start_from.*floating-point.*8-bit.*Start from the model that it was quantised from"
    ):
        load_recipe(recipe(model), [f"training.start_from={model.with_name('small')}"])


def test_training_starts_from_the_folder_of_a_run(model: Path) -> None:
    """As from its model directory, whose weights are the same input of the stage."""
    resolved, direct = load_recipe(recipe(model), [f"training.start_from={model.parent}"]), load_recipe(recipe(model))
    assert resolved.model == direct.model
    assert resolved.tokenizer == direct.tokenizer
    assert start_digests(resolved.training) == start_digests(direct.training)


def test_a_directory_that_is_no_model(model: Path) -> None:
    """Both places where it was looked for are named, and who named it."""
    path = recipe(model)
    with pytest.raises(UserError, match="override 'training.start_from=nowhere'.*a model directory") as caught:
        load_recipe(path, ["training.start_from=nowhere"])
    for place in (path.parent, Path.cwd()):
        assert str(place / "nowhere") in str(caught.value)


def test_options_of_search_are_taken_over_one_by_one(model: Path) -> None:
    search = load_recipe(recipe(model), ["search.n_best=2"]).search
    assert search.n_best == 2
    assert isinstance(search, BeamSearch)
    assert search.beam == read_recipe(model)["search"]["beam"]
    other = load_recipe(recipe(model, "search: {kind: sampling}\n")).search
    assert other.kind == "sampling"


def test_the_resolved_recipe_reads_back(model: Path) -> None:
    """The other processes of a training read it."""
    resolved = load_recipe(recipe(model))
    path = model.parent / "resolved.yaml"
    path.write_text(as_yaml(resolved), encoding="utf-8")
    assert load_recipe(path) == resolved


def test_frozen_parts_are_checked_before_any_work(model: Path) -> None:
    with pytest.raises(UserError, match="encodr.*source_embedding"):
        load_recipe(recipe(model), ["training.freeze=[encodr]"])


def test_refinement_needs_a_start(model: Path) -> None:
    path = recipe(model)
    assert load_recipe(path, ["training.refine={}"]).training.objective == Refinement()
    rest = "model: {kind: transformer, preset: tiny}"
    path.write_text(f"corpus: {{kind: multi30k, source: en, target: de}}\n{rest}\n", encoding="utf-8")
    with pytest.raises(UserError, match="start_from"):
        load_recipe(path, ["training.refine={}"])


def test_refinement_is_not_for_language_models() -> None:
    (found,) = start_conflicts(RecurrentLM.Config(), SentencePieceOptions(), Training(objective=Refinement()))
    assert ("training", "objective") in found.keys
    assert "recurrent_lm, a language model" in found.got


def test_fine_tuning_may_be_shorter_than_the_pretraining_that_it_does_not_repeat(tmp_path: Path) -> None:
    config = DEQ.Config(model_dim=8, feedforward_dim=8, heads=2, pretraining=Pretraining(updates=50))
    resolved = load_recipe(recipe(save_tiny_model(tmp_path, config)), ["training.updates=10"])
    assert resolved.model == config


@pytest.mark.parametrize("folder", [".", "tokenizer"])
def test_existing_tokenizers_are_copied(model: Path, tmp_path: Path, folder: str) -> None:
    options = ExistingTokenizer(directory=model / folder)
    nothing = tmp_path / "none"
    pair = options.train(nothing, nothing, tmp_path)
    assert load_tokenizers(tmp_path).source.digest == pair.source.digest
    assert options.joint
    assert options.vocabulary_sizes == (320, 320)
