"""`--model-option`: a model with other options than it was trained with, as long as its weights stay what they are."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import click
import pytest
import torch
from click.testing import CliRunner

from nmt.bundle import RECIPE, load_bundle, read_recipe
from nmt.cli.evaluate import command as evaluate
from nmt.cli.main import command as nmt
from nmt.cli.score import command as score
from nmt.cli.translate import command as translate
from nmt.errors import UserError
from nmt.inference.options import TranslationOptions
from nmt.inference.stream import translate_stream
from nmt.models.deq import DEQ
from nmt.models.gnmt import GNMT
from nmt.models.language.decoder_only import DecoderOnly
from nmt.nn.clipping import Clipping
from nmt.nn.fixed_point import Anderson, Picard
from nmt.pipeline.quantizing import quantize_model
from nmt.recipe.model_options import changed_model, changed_options
from nmt.search import BeamSearch
from tests.cli.model_directory import ordinary_line, save_tiny_model
from tests.contract.listed import MODELS

LINES = [ordinary_line(number) for number in range(5)]
EARLY = ("--model-option", "decoder_solver.max_iterations=2", "--model-option", "encoder_solver.max_iterations=1")
CONFIG = DEQ.Config(
    model_dim=32,
    feedforward_dim=64,
    heads=2,
    initial_std=0.15,
    encoder_solver=Anderson(tolerance=1e-4, max_iterations=15),
    decoder_solver=Picard(tolerance=1e-4, max_iterations=15),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("deq"), CONFIG)


@pytest.fixture(scope="module")
def early(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same weights in a model directory whose recipe has the changes of `EARLY`."""
    directory = tmp_path_factory.mktemp("early") / "model"
    shutil.copytree(model, directory)
    recipe = read_recipe(directory)
    recipe["model"]["decoder_solver"]["max_iterations"] = 2
    recipe["model"]["encoder_solver"]["max_iterations"] = 1
    (directory / RECIPE).write_text(json.dumps(recipe), encoding="utf-8")  # JSON is YAML
    return directory


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text"
    path.write_text("".join(line + "\n" for line in LINES), encoding="utf-8")
    return path


def output(command: click.Command, *arguments: object) -> str:
    done = CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_it_does_what_the_recipe_would_have_done(model: Path, early: Path, text: Path) -> None:
    both = ("--source", text, "--target", text, "--tokens")
    assert output(score, model, *both, *EARLY) == output(score, early, *both) != output(score, model, *both)
    scores = (text, "--scores")
    assert output(translate, model, *scores, *EARLY) == output(translate, early, *scores)
    assert output(translate, model, *scores, *EARLY) != output(translate, model, *scores)
    given = ("--source", text, "--reference", text, "--json")
    assert output(evaluate, model, *given, *EARLY) == output(evaluate, early, *given)


def test_worker_processes_do_it_too(model: Path, text: Path) -> None:
    found = {
        workers: output(translate, model, text, "--scores", *EARLY, "--workers", workers).splitlines()
        for workers in (0, 2)
    }
    assert found[0] == found[2]
    assert len(found[0]) == len(LINES)
    assert found[0] != output(translate, model, text, "--scores", "--workers", 0).splitlines()


def iterations(directory: Path, changes: Sequence[str]) -> dict[str, float]:
    loaded = load_bundle(directory, model_options=changed_model(directory, changes)).model
    tokens = torch.arange(4, 40).view(3, 12)
    real = torch.ones_like(tokens, dtype=torch.bool)
    with torch.no_grad():
        statistics = loaded.decode(tokens, real, loaded.encode(tokens, real)).statistics
    return {name: float(statistics[f"{name}_iterations"]) for name in ("encoder", "decoder")}


def test_the_solvers_really_make_fewer_iterations(model: Path) -> None:
    assert min(iterations(model, ()).values()) > 4
    capped = iterations(model, ("encoder_solver.max_iterations=3", "decoder_solver.max_iterations=2"))
    assert capped == {"encoder": 3, "decoder": 2}
    loose = iterations(model, ("encoder_solver.tolerance=0.1", "decoder_solver.tolerance=0.1"))
    assert all(loose[name] < usual for name, usual in iterations(model, ()).items())


def test_a_model_of_8_bit_weights_takes_the_same_options(model: Path, tmp_path: Path) -> None:
    quantize_model(model, tmp_path / "small")
    capped = iterations(tmp_path / "small", ("encoder_solver.max_iterations=3", "decoder_solver.max_iterations=2"))
    assert capped == {"encoder": 3, "decoder": 2}
    for change in ("model_dim=64", "feedforward_dim=32", "tied_embeddings=none", "explicit_steps=2"):
        with pytest.raises(UserError, match="options that leave the weights"):
            changed_model(tmp_path / "small", [change])


def test_the_last_of_several_changes_of_a_key_stands(model: Path) -> None:
    changed = changed_model(model, ["dropout=0.5", "decoder_solver={kind: picard, damping: 0.5}", "dropout=0.25"])
    assert changed["dropout"] == 0.25
    assert changed["decoder_solver"] == Picard(damping=0.5).model_dump(mode="json")
    assert {**changed, "dropout": 0.1, "decoder_solver": None} == {
        **CONFIG.model_dump(mode="json"),
        "decoder_solver": None,
    }


@pytest.mark.parametrize("name", MODELS)
def test_what_is_not_changed_stays_for_every_model(name: str) -> None:
    model = MODELS[name]
    if isinstance(model, DecoderOnly.Config):
        changed, _ = changed_options(model, ["decoder.dropout=0.25"], "recipe.yaml")
        assert changed == model.model_copy(update={"decoder": model.decoder.model_copy(update={"dropout": 0.25})})
    else:
        option = "dropout" if "dropout" in type(model).model_fields else "random_memories"
        changed, _ = changed_options(model, [f"{option}=0.25"], "recipe.yaml")
        assert changed.model_dump() == {**model.model_dump(), option: 0.25}


def test_another_solver_keeps_what_both_kinds_have(model: Path) -> None:
    changed = changed_model(model, ["encoder_solver.kind=broyden", "decoder_solver.kind=anderson"])
    assert changed["encoder_solver"] == {"kind": "broyden", "memory": 20, "tolerance": 1e-4, "max_iterations": 15}
    assert DEQ.Config.model_validate(changed).decoder_solver == Anderson(tolerance=1e-4, max_iterations=15)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("decoder_sovler.max_iterations=4", r"an unknown one\. Did you mean `decoder_solver`\?"),
        ("decoder_solver.max_iteration=4", r"a key of model\.decoder_solver, .* Did you mean `max_iterations`\?"),
        ("decoder_solver={kind: picard, window: 3}", "window.*an unknown one"),
        ("decoder_solver.kind=broyden", "one of picard, anderson"),
        ("decoder_solver.max_iterations=0", "max_iterations: expected greater than 0, got 0"),
        ("decoder_solver.max_iterations=many", "max_iterations: expected a valid integer, got 'many'"),
        ("dropout.p=0.5", "a mapping"),
        ("heads=5", "model_dim must be a multiple of heads"),
        ("decoder_solver.max_iterations", r"key=value, as in decoder_solver\.max_iterations=4"),
        ("decoder_solver.tolerance=[", "YAML"),
        ("model_dim=64", "leave the weights .* as they are, got source_embedding.* 320 x 64 instead of 320 x 32"),
        ("decoder_layers=2", "of no values"),
        ("tied_embeddings=none", "of no values"),
        ("explicit_steps=3", "another value of explicit_steps"),
        ("kind=transformer", "leave the weights"),
        ("kind=deck", "Did you mean `deq`"),
    ],
)
def test_a_wrong_change_is_refused_by_the_name_of_the_flag(model: Path, change: str, words: str) -> None:
    with pytest.raises(UserError, match=f"^--model-option .*{words}") as refused:
        changed_model(model, ["dropout=0.1", change])
    assert change in refused.value.where


def test_a_preset_is_refused_because_the_sizes_that_are_written_out_would_stand(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="^--model-option 'preset=big': .*a preset"):
        changed_model(save_tiny_model(tmp_path), ["preset=big"])


def test_what_training_leaves_in_the_weights_is_refused(tmp_path: Path) -> None:
    clipping = Clipping(start=4.0, end=2.0, until_update=10)
    config = GNMT.Config(model_dim=16, encoder_layers=2, decoder_layers=2, clipping=clipping)
    directory = save_tiny_model(tmp_path, config)
    assert changed_model(directory, ["clipping.logits=9"])["clipping"]["logits"] == 9
    with pytest.raises(UserError, match=r"^--model-option 'clipping\.end=1': .*another value"):
        changed_model(directory, ["clipping.end=1"])


def test_no_model_no_options(model: Path, text: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere: expected a model directory"):
        output(translate, tmp_path / "nowhere", text, *EARLY)
    with pytest.raises(UserError, match="^--model-option: expected a MODEL"):
        output(evaluate, "--hypothesis", text, "--reference", text, *EARLY)


def test_the_stream_follows_the_model_that_it_is_given(model: Path) -> None:
    """A caller of the library cannot give worker processes other options than its own model has."""
    bundle = load_bundle(model, model_options=changed_model(model, ["decoder_solver.max_iterations=1"]))
    found = [
        [line.score for line in translate_stream(model, bundle, iter([LINES]), BeamSearch(), TranslationOptions(), n)]
        for n in (0, 2)
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize("name", ["translate", "evaluate", "score"])
def test_the_help_tells(name: str) -> None:
    shown = " ".join(output(nmt, name, "--help").split())
    assert "--model-option KEY=VALUE" in shown
    assert "decoder_solver.max_iterations=4" in shown
