"""A recipe with an adaptive softmax, from text to an 8-bit model; the training text orders the vocabulary."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from nmt.tokenizer import load_tokenizers
from nmt.tokenizer.base import SPECIAL
from tests.command import nmt, succeed

LINES = [" ".join(["one"] * (n % 7) + ["two"] * (n % 3) + ["three", "four"][: n % 2 + 1]) for n in range(1, 200)]
RECIPE = """\
task: language_model
corpus: {kind: files, label: tiny, target: de, training: [{text: train.txt}], validation: {text: validation.txt}}
tokenizer: {vocabulary_size: 270}
model:
  {kind: recurrent_lm, model_dim: 16, layers: 1, tied_embeddings: false, output: {kind: adaptive, cutoffs: [5, 20]}}
training:
  updates: 6
  batch_tokens: 200
  processes: 1
  validate_every: 3
  label_smoothing: 0
  schedule: {kind: constant, learning_rate: 0.01}
"""
RANK = "decoder.output.rank"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adaptive")
    (folder / "train.txt").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    (folder / "validation.txt").write_text("\n".join(LINES[:9]) + "\n", encoding="utf-8")
    path = folder / "small.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(recipe: Path) -> Path:
    return trained(recipe)


def trained(recipe: Path, *overrides: str) -> Path:
    """The folder of a run."""
    runs = recipe.parent / "runs"
    succeed("run", recipe, *overrides, "--runs", runs)
    return runs / "tiny_de" / next((o.removeprefix("name=") for o in overrides if o.startswith("name=")), "small")


def weights(run: Path) -> dict[str, Tensor]:
    return load_file(run / "model" / "weights.safetensors")


def test_the_vocabulary_is_in_the_order_of_the_training_text(run: Path) -> None:
    tokenizer = load_tokenizers(run / "tokenizer").target
    counts = Counter(token for line in LINES for token in tokenizer.encode(line))
    counts[SPECIAL.eos] = len(LINES)
    counts[SPECIAL.pad] = counts[SPECIAL.bos] = -1
    order = sorted(range(270), key=lambda token: (-counts[token], token))
    assert weights(run)[RANK].argsort().tolist() == order
    assert order[-2:] == [SPECIAL.pad, SPECIAL.bos]


def test_a_resumed_training_ends_with_the_same_weights(recipe: Path, run: Path) -> None:
    trained(recipe, "name=resumed", "training.updates=4")
    resumed = trained(recipe, "name=resumed")
    for name, weight in weights(run).items():
        assert torch.equal(weight, weights(resumed)[name]), name


def test_a_training_that_starts_from_it_keeps_the_order(recipe: Path, run: Path) -> None:
    lines = [line.replace("one", "four") for line in LINES]
    (recipe.parent / "other.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    tuned = recipe.with_name("tuned.yaml")
    tuned.write_text(
        f"""\
task: language_model
corpus: {{kind: files, label: tiny, target: de, training: [{{text: other.txt}}], validation: {{text: validation.txt}}}}
training: {{start_from: {run}, updates: 2, processes: 1, label_smoothing: 0}}
name: tuned
""",
        encoding="utf-8",
    )
    found = weights(trained(tuned, "name=tuned"))
    assert torch.equal(found[RANK], weights(run)[RANK])
    assert not torch.equal(found["decoder.output.head.weight"], weights(run)["decoder.output.head.weight"])


def test_it_is_quantised_and_scores_what_it_generates(run: Path) -> None:
    small, text = run / "small", run / "text"
    succeed("quantize", run, small)
    stored = load_file(small / "weights.safetensors")
    for part in ("head", "tails.0.output", "tails.1.output", "tails.0.projection"):
        assert stored[f"decoder.output.{part}.weight"].dtype == torch.int8
    assert torch.equal(stored[RANK], weights(run)[RANK])
    text.write_text("\n".join(LINES[:5]) + "\n", encoding="utf-8")
    scores = [succeed("score", model, "--target", text).split() for model in (run, small)]
    assert [float(score) for score in scores[1]] == pytest.approx([float(score) for score in scores[0]], rel=0.05)
    assert len(succeed("generate", small, "--lines", "3").splitlines()) == 3


MISTAKES = {
    "model.output.cutoffs=[5,270]": "model.output.cutoffs: expected ranks less than the size of the vocabulary, 270, "
    "got 270.",
    "model.output.cutoffs=[9,5]": "cutoffs must ascend, but they are [9, 5]",
    "model.output.cutoffs=[0]": "model.output.cutoffs.0: expected greater than 0",
    "model.output.reduction=0.5": "model.output.reduction: expected greater than or equal to 1",
    "model.output={kind: adaptive}": "model.output.cutoffs: expected a value, got nothing",
    "model.output={kind: hierarchical}": "model.output.kind: expected one of full, adaptive",
    "model.tied_embeddings=true": "(output.kind: adaptive) needs tied_embeddings: false",
}


@pytest.mark.parametrize("override", MISTAKES)
def test_mistakes_in_a_recipe(recipe: Path, override: str) -> None:
    done = nmt("recipe", "check", recipe, override)
    assert done.returncode == 2
    assert MISTAKES[override] in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("kind: transformer, preset: tiny", "(output.kind: adaptive) needs tied_embeddings: none"),
        ("kind: memory_network", "(output.kind: adaptive) needs tying: layer_wise"),
        ("kind: gnmt, clipping: {until_update: 9}", "clipping must be null unless output.kind is full"),
        (
            "kind: convs2s, preset: iwslt_de_en, output: {kind: adaptive, cutoffs: [5, 32000]}",
            "model.output.cutoffs: expected ranks less than the size of the vocabulary",
        ),
        (
            "kind: decoder_only, decoder: {tied_embeddings: false, output: {kind: adaptive, cutoffs: [32000]}}",
            "model.decoder.output.cutoffs: expected ranks less than the size of the vocabulary",
        ),
    ],
)
def test_mistakes_in_a_recipe_of_translation(tmp_path: Path, model: str, message: str) -> None:
    path = tmp_path / "translation.yaml"
    output = "" if "output" in model else ", output: {kind: adaptive, cutoffs: [50, 100]}"
    path.write_text(f"corpus: {{kind: phrasebook}}\nmodel: {{{model}{output}}}\n", encoding="utf-8")
    done = nmt("recipe", "check", path)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())


def test_a_doubt_about_label_smoothing(recipe: Path) -> None:
    assert "label_smoothing" not in nmt("recipe", "check", recipe).stderr
    done = nmt("recipe", "check", recipe, "training.label_smoothing=0.1")
    assert done.returncode == 0
    assert "training.label_smoothing: expected 0 with an adaptive softmax" in done.stderr
