"""`nmt translate --language-model`: shallow fusion on the command line, in recipes' evaluation and in Python."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import nmt as toolkit
from nmt.bundle import Bundle, load_bundle, save_bundle
from nmt.models.language.gated_convolution import Blocks, GatedConvolutionalLM
from nmt.models.language.recurrent import RecurrentLM
from nmt.pipeline.quantizing import quantize_model
from nmt.tokenizer.sentencepiece import SentencePieceOptions
from tests.cli.model_directory import ordinary_line, save_tiny_model
from tests.command import nmt
from tests.study_files import write_study

TEXT = "".join(ordinary_line(number) + "\n" for number in range(6)) + "\n"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fusion")
    save_tiny_model(folder / "translation")
    save_tiny_model(folder / "recurrent", RecurrentLM.Config(model_dim=16, initial_range=0.5))
    blocks = (Blocks(width=16, kernel=3),)
    save_tiny_model(folder / "convolutional", GatedConvolutionalLM.Config(embedding_dim=16, blocks=blocks))
    (folder / "source").write_text(TEXT, encoding="utf-8")
    return folder


def translated(models: Path, *arguments: object) -> list[str]:
    done = nmt("translate", models / "translation/model", models / "source", "--scores", *arguments)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 7
    assert lines[-1] == "0.0000\t"
    return lines


def test_the_path_of_a_language_model_without_weight_is_checked(models: Path) -> None:
    missing = ("--language-model", models / "nonexistent", "--language-model-weight", 0)
    done = nmt("translate", models / "translation/model", models / "source", *missing)
    assert done.returncode == 2
    assert "nonexistent" in done.stderr


@pytest.mark.parametrize("language_model", ["recurrent", "convolutional"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_language_model_has_a_say(models: Path, language_model: str, precision: str) -> None:
    plain = translated(models, "--precision", precision)
    helped = ("--precision", precision, "--language-model", models / language_model)
    assert translated(models, *helped, "--language-model-weight", "0") == plain
    assert translated(models, *helped) != plain
    assert translated(models, *helped, "--language-model-weight", "30") != translated(models, *helped)


def test_a_quantised_language_model_helps_too(models: Path) -> None:
    small = models / "small"
    quantize_model(models / "recurrent/model", small)
    assert translated(models, "--precision", "int8", "--language-model", small) == translated(
        models, "--precision", "int8", "--language-model", models / "recurrent"
    )


def test_workers_load_it(models: Path) -> None:
    arguments = ("--precision", "fp32", "--language-model", models / "recurrent", "--workers")
    assert translated(models, *arguments, 2) == translated(models, *arguments, 0)


def test_python_has_it(models: Path) -> None:
    source = TEXT.splitlines()
    model = toolkit.load(models / "translation", language_model=models / "recurrent/model", precision="fp32")
    expected = [line.split("\t")[1] for line in translated(models, "--precision", "fp32", "--language-model",
                                                          models / "recurrent/model")]  # fmt: skip
    assert [translation.text for translation in model.translate(source)] == expected


def test_evaluate_translates_with_it_and_score_does_without(models: Path) -> None:
    reference = ("--source", models / "source", "--reference", models / "source")
    done = nmt("evaluate", models / "translation/model", *reference, "--language-model", models / "recurrent/model")
    assert done.returncode == 0, done.stderr
    refused = nmt("score", models / "translation/model", "--target", "x", "--language-model", models / "recurrent")
    assert refused.returncode == 2
    assert "No such option" in refused.stderr
    only = ("--reference", models / "source", "--language-model", models / "recurrent")
    refused = nmt("evaluate", models / "recurrent/model", *only)
    assert refused.returncode == 2
    assert "--language-model" in refused.stderr


def test_what_does_not_fit_is_refused(models: Path, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("".join(f"{ordinary_line(number)} und so\n" for number in range(900)), encoding="utf-8")
    tokenizers = SentencePieceOptions(vocabulary_size=320).train(text, text, tmp_path / "tokenizer")
    bundle = load_bundle(models / "recurrent/model")
    assert tokenizers.target.digest != bundle.tokenizers.target.digest
    save_language_model(replace(bundle, tokenizers=tokenizers), tmp_path / "other")
    for place, message in (
        (tmp_path / "other", "target tokenizer.*another tokenizer.*`tokenizer: {kind: existing, directory: MODEL}`"),
        (models / "translation/model", "a language model.*Train one with `task: language_model`"),
        (tmp_path / "nowhere", "nowhere"),
        (tmp_path, "metadata"),
    ):
        done = nmt("translate", models / "translation/model", models / "source", "--language-model", place)
        assert done.returncode == 2
        assert re.search(message, done.stderr, re.DOTALL), done.stderr
        assert done.stdout == ""
    done = nmt(
        "translate", models / "translation/model", models / "source", "--language-model-weight", "-1",
        "--language-model", models / "recurrent/model",
    )  # fmt: skip
    assert done.returncode == 2
    assert "--language-model-weight" in done.stderr


def test_a_recipe_translates_its_test_sets_with_it(tmp_path: Path) -> None:
    """Training is reused; another language model at the same place is noticed, and a missing one before all work."""
    write_study(tmp_path)
    recipe, runs = tmp_path / "small.yaml", {"NMT_RUNS": str(tmp_path / "runs"), "OMP_NUM_THREADS": "1"}
    named = f"evaluation.translation.language_model={tmp_path / 'model'}"
    weight = "evaluation.translation.language_model_weight=20"
    missing = nmt("run", recipe, named, environment=runs)
    assert missing.returncode == 2
    assert str(tmp_path / "model") in missing.stderr
    assert not (tmp_path / "runs").exists()
    assert nmt("run", recipe, environment=runs).returncode == 0
    run = tmp_path / "runs/tiny_en_xx/small"
    plain = (run / "translate/mine").read_text(encoding="utf-8")
    bundle = load_bundle(run)
    for seed in (1, 2):
        torch.manual_seed(seed)
        save_language_model(bundle, tmp_path / "model")
        done = nmt("run", recipe, named, weight, environment=runs)
        assert done.returncode == 0, done.stderr
        helped = (run / "translate/mine").read_text(encoding="utf-8")
        assert helped != plain
        assert helped.count("\n") == plain.count("\n")
        plain = helped


def save_language_model(bundle: Bundle, directory: Path) -> None:
    """A language model with random weights, and the tokenizers of the bundle."""
    config, tokenizers = RecurrentLM.Config(model_dim=8, initial_range=2.0), bundle.tokenizers
    vocabulary = tokenizers.target.vocabulary_size
    changes = {
        "source_language": "",
        "source_vocabulary": vocabulary,
        "target_vocabulary": vocabulary,
        "tokenizer_digests": {"source": tokenizers.source.digest, "target": tokenizers.target.digest},
    }
    recipe = {"model": config.model_dump(mode="json"), "search": None}
    model = config.build(vocabulary, vocabulary)
    save_bundle(directory, model, tokenizers, recipe, bundle.metadata.model_copy(update=changes))
