"""The recipe of a translation system, and those that we ship."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import torch

from nmt.errors import UserError
from nmt.options import Options
from nmt.recipe import Recipe, load_recipe
from nmt.recipe.keys import option_classes
from nmt.recipe.schema import recipe_schema
from nmt.recipe.show import as_yaml
from nmt.recipe.sizes import parameter_counts
from nmt.shipped import shipped_recipes
from nmt.tokenizer.sentencepiece import SentencePieceOptions
from tests.cli.model_directory import save_tiny_model

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = list(shipped_recipes().values())
SMALLEST = "corpus: {kind: phrasebook}\nmodel: {kind: transformer, preset: tiny}\n"


def smallest(tmp_path: Path, more: str = "") -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALLEST + more, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def existing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory, for recipes that start from the model of another one, or take its tokenizers."""
    return save_tiny_model(tmp_path_factory.mktemp("existing"))


def load_shipped(path: Path, existing: Path) -> Recipe:
    text = path.read_text(encoding="utf-8")
    of_another = {"start_from:": f"training.start_from={existing}", "kind: existing": f"tokenizer.directory={existing}"}
    return load_recipe(path, [setting for word, setting in of_another.items() if word in text])


def test_measures_are_named_in_a_list(tmp_path: Path) -> None:
    named = "evaluation: {measures: [ter, exact_match]}\ntraining: {best_by: ter}\n"
    recipe = load_recipe(smallest(tmp_path, named))
    assert recipe.evaluation.measures == ("ter", "exact_match")
    assert recipe.training.best_by == "ter"
    assert load_recipe(smallest(tmp_path)).evaluation.measures is None
    assert "[loss | bleu | chrf" in " ".join(as_yaml(recipe).replace("#", "").split())
    for wrong, says in (
        ("training: {best_by: blue}", "training.best_by: .*Did you mean `bleu`"),
        ("evaluation: {measures: [chrff]}", "evaluation.measures.0: .*Did you mean `chrf`"),
        ("evaluation: {measures: [ter, ter]}", "evaluation.measures: .*[Nn]ame each measure once"),
        ("evaluation: {measures: []}", "evaluation.measures: .*at least 1"),
    ):
        with pytest.raises(UserError, match=says):
            load_recipe(smallest(tmp_path, wrong + "\n"))


def test_symbols_have_a_vocabulary_of_at_most_so_many(tmp_path: Path) -> None:
    recipe = load_recipe(smallest(tmp_path, "tokenizer: {kind: symbols, unit: characters, most_symbols: 96}\n"))
    assert recipe.tokenizer.sizes_are_bounds
    assert recipe.tokenizer.vocabulary_sizes == (100, 100)
    wordpieces = load_recipe(smallest(tmp_path, "tokenizer: {vocabulary_size: 100}\n"))
    assert not wordpieces.tokenizer.sizes_are_bounds
    assert parameter_counts(recipe.model, recipe.tokenizer) == parameter_counts(wordpieces.model, wordpieces.tokenizer)


def test_there_are_recipes() -> None:
    folders = {path.parent.name for path in SHIPPED}
    assert folders >= {"multi30k_de", "multi30k_en_de", "phrasebook_en_de", "wmt14_en_de", "wmt14_en_fr"}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_shipped_recipe_is_valid_and_lies_where_its_runs_will(path: Path, existing: Path) -> None:
    recipe = load_shipped(path, existing)
    assert recipe.name == path.stem
    folders = path.relative_to(ROOT / "recipes").parts[:-1]
    assert recipe.corpus.name in folders or folders[1:] in {("tasks",), ("with_language_model",)}
    assert parameter_counts(recipe.model, recipe.tokenizer)["total"] > 0


def test_the_tokenizer_of_a_run_that_does_not_exist_yet(tmp_path: Path) -> None:
    tokenizer = "tokenizer: {kind: existing, directory: runs/mine/tokenizer}\n"
    with pytest.raises(UserError, match=r"runs/mine/tokenizer: expected a model directory.*nmt run RECIPE. makes one"):
        load_recipe(smallest(tmp_path, tokenizer))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_show_prints_is_the_same_recipe(path: Path, existing: Path, tmp_path: Path) -> None:
    recipe = load_shipped(path, existing)
    copy = tmp_path / "another_name.yaml"
    copy.write_text(as_yaml(recipe), encoding="utf-8")
    assert load_recipe(copy) == recipe


def test_the_name_is_that_of_the_file_unless_given(tmp_path: Path) -> None:
    assert load_recipe(smallest(tmp_path)).name == "small"
    assert load_recipe(smallest(tmp_path), ["name=other"]).name == "other"
    for name in ("a/b", "..", "''"):
        with pytest.raises(UserError, match="name"):
            load_recipe(smallest(tmp_path), [f"name={name}"])


def test_tied_embeddings_need_a_joint_vocabulary(tmp_path: Path) -> None:
    path = smallest(tmp_path, "tokenizer:\n  joint: false\n")
    with pytest.raises(UserError, match=r"model\.tied_embeddings.*small\.yaml:4: tokenizer\.joint"):
        load_recipe(path)
    load_recipe(path, ["model.tied_embeddings=target"])


DEQ = "corpus: {kind: phrasebook}\nmodel:\n  kind: deq\n  pretraining:\n    updates: %s\ntraining:\n  updates: %s\n"


@pytest.mark.parametrize(("pretraining", "training"), [(100, 100), (101, 100), (1, 1), (10**9, 5)])
def test_pretraining_must_end_before_training_does(tmp_path: Path, pretraining: int, training: int) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text(DEQ % (pretraining, training), encoding="utf-8")
    with pytest.raises(UserError, match=r"deep\.yaml:5: model\.pretraining\.updates.*:7: training\.updates") as caught:
        load_recipe(path)
    assert f"{pretraining} of {training}" in str(caught.value)
    load_recipe(path, [f"training.updates={pretraining + 1}"])
    load_recipe(path, ["model.pretraining.updates=0"])
    with pytest.raises(UserError, match=r"override 'model.pretraining.updates=7': model\.pretraining\.updates"):
        load_recipe(path, ["training.updates=7", "model.pretraining.updates=7"])


def test_without_pretraining_one_update_will_do(tmp_path: Path) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text(DEQ % (0, 1), encoding="utf-8")
    load_recipe(path)
    load_recipe(smallest(tmp_path), ["training.updates=1"])  # a model that has no such phase


def test_files_of_the_recipe_start_from_its_folder(tmp_path: Path) -> None:
    text = (
        "corpus: {kind: files, source: en, target: no, training: [{tsv: train.tsv}], validation: {tsv: v.tsv}, "
        "tests: {mine: {tsv: t.tsv}}}\nmodel: {kind: transformer, preset: tiny}\n"
    )
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    assert str(tmp_path / "train.tsv") in as_yaml(load_recipe(path))


@pytest.mark.parametrize(
    "override",
    [
        "model.encoder_layers=1000000000",
        "model.encoder_layers=1001",
        "model.model_dim=1000000",
        "model.feedforward_dim=1e30",
        "model.heads=4000000000000000000",
        "model.learned_positions=1000000000",
        "tokenizer.vocabulary_size=1000000000",
        "search.beam=1000000",
        "search.max_length_offset=1000000000",
        "search.max_length_factor=1e18",
        "training.batch_tokens=99999999999",
        "training.seed=99999999999999999999",
        "training.average_checkpoints=1e15",
        "training.start_from=~nosuchuser/x",
        f"training.start_from={'x' * 5000}",
        "a" + ".a" * 3000 + "=1",
        "training.updates=" + "9" * 5000,
        "model.dropout=.nan",
        "model=" + "[" * 300,
    ],
)
def test_sizes_have_bounds(override: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        parameter_counts(load_recipe(smallest(tmp_path), [override]).model, SentencePieceOptions())
    assert len(str(refused.value)) < 1500


def test_very_many_wrong_keys_are_told_soon(tmp_path: Path) -> None:
    """As many as a recipe may have; of more, only that they are too many."""
    start = time.process_time()
    with pytest.raises(UserError, match=r"(?s)got 9,000 mistakes.*key19: expected a key.*and 8,980 more"):
        load_recipe(smallest(tmp_path, "".join(f"key{n}: 1\n" for n in range(9000))))
    with pytest.raises(UserError, match="at most 20,000 keys and values"):
        load_recipe(smallest(tmp_path, "".join(f"k{n}: 1\n" for n in range(25_000))))
    assert time.process_time() - start < 30


def test_counting_parameters_allocates_nothing_and_counts_shared_ones_once(tmp_path: Path) -> None:
    recipe = load_recipe(smallest(tmp_path), ["tokenizer.vocabulary_size=500"])
    assert isinstance(recipe.tokenizer, SentencePieceOptions)
    size = recipe.tokenizer.vocabulary_size
    model = recipe.model.build(size, size)
    assert parameter_counts(recipe.model, recipe.tokenizer)["total"] == sum(p.numel() for p in model.parameters())
    huge = load_recipe(
        smallest(tmp_path), ["model.model_dim=65536", "model.encoder_layers=100", "model.decoder_layers=100"]
    )
    assert parameter_counts(huge.model, huge.tokenizer)["total"] > 10**12
    assert torch.get_default_device() == torch.device("cpu")


def test_every_option_has_a_description() -> None:
    assert undescribed(Recipe, "", set()) == []


def undescribed(options: type[Options], prefix: str, seen: set[type[Options]]) -> list[str]:
    """Options without a description; those of a class are asked for once, since a cell may have another within."""
    if options in seen:
        return []
    seen.add(options)
    missing = []
    for name, field in options.model_fields.items():
        if not field.description and name != "kind":
            missing.append(prefix + name)
        for inner in option_classes(field.annotation):
            missing += undescribed(inner, f"{prefix}{name}.", seen)
    return missing


def test_the_schema_describes_the_keys() -> None:
    schema = json.loads(recipe_schema())
    assert schema["required"] == ["corpus"]  # the model may come from training.start_from
    assert schema["properties"]["search"]["description"] == Recipe.model_fields["search"].description
    assert schema["additionalProperties"] is False
