"""Documents from the recipe to `nmt translate --documents`, with a model trained on the spot."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.model_directory import save_tiny_model
from tests.command import nmt

PAIRS = {
    "key": ("key", "der Schlüssel", "it shines", "er glänzt"),
    "lamp": ("lamp", "die Lampe", "it shines", "sie glänzt"),
}
RECIPE = """\
corpus:
  kind: files
  label: tiny
  source: en
  target: de
  documents: blank_lines
  training: [{source: train.en, target: train.de}]
  validation: {tsv: held.tsv}
  tests: {mine: {tsv: held.tsv}}
  cleaning: {deduplicate: false}
data: {context: document, max_length: 20}
tokenizer: {kind: symbols}
model:
  {kind: transformer, model_dim: 32, feedforward_dim: 64, heads: 2, encoder_layers: 1, decoder_layers: 1, dropout: 0.0}
training:
  updates: 120
  batch_tokens: 160
  micro_batches: 1
  processes: 1
  precision: fp32
  label_smoothing: 0.0
  validate_every: 120
  average_checkpoints: 1
  schedule: {kind: constant, learning_rate: 5e-3, warmup_updates: 10}
search: {beam: 2}
evaluation: {measures: [exact_match]}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe and its run."""
    folder = tmp_path_factory.mktemp("documents")
    both = list(PAIRS.values())
    english = "".join(f"{first}\n{second}\n\n" for first, _, second, _ in both)
    german = "".join(f"{first}\n{second}\n\n" for _, first, _, second in both)
    (folder / "train.en").write_text(english * 20, encoding="utf-8")
    (folder / "train.de").write_text(german * 20, encoding="utf-8")
    held = "".join(f"{a}\t{b}\n{c}\t{d}\n\n" for a, b, c, d in both)
    (folder / "held.tsv").write_text(held, encoding="utf-8")
    (folder / "small.yaml").write_text(RECIPE, encoding="utf-8")
    done = nmt("run", folder / "small.yaml", "--runs", folder / "runs")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    return folder / "runs" / "tiny_en_de" / "small"


def test_the_test_set_is_translated_in_context_line_by_line(run: Path) -> None:
    lines = (run / "translate" / "mine").read_text(encoding="utf-8")
    assert lines == "der Schlüssel\ner glänzt\n\ndie Lampe\nsie glänzt\n\n"
    metadata = json.loads((run / "model" / "metadata.json").read_text(encoding="utf-8"))
    assert metadata["documents"] == {"pieces": 4, "sentences": 2}
    assert "documents · sentences" in nmt("info", run).stdout


def test_context_decides(run: Path) -> None:
    done = nmt("translate", run, "--documents", given="lamp\nit shines\n\n \n\nkey\nit shines")
    assert done.stdout == "die Lampe\nsie glänzt\n\n\n\nder Schlüssel\ner glänzt\n"
    assert "warning" not in done.stderr
    alone = nmt("translate", run, given="lamp\nit shines\nkey\nit shines\n").stdout.split("\n")
    assert alone[1] == alone[3]


@pytest.mark.parametrize(
    "text",
    ["", "\n", "\n\n \n", "key", "<s>\nit <s> shines\n", "key\n" * 40, "key lamp it shines " * 30 + "\nlamp\n\nkey\n"],
)
def test_as_many_lines_out_as_in(text: str, run: Path) -> None:
    done = nmt("translate", run, "--documents", given=text)
    assert done.returncode == 0, done.stderr
    lines = text.removesuffix("\n").split("\n") if text else []
    written = done.stdout.removesuffix("\n").split("\n") if done.stdout else []
    assert len(written) == len(lines)
    assert not any(line for given, line in zip(lines, written, strict=True) if not given.strip())


def test_lines_that_the_model_merges_are_translated_alone_and_named(tmp_path: Path) -> None:
    """A model that is not trained, but is said to be, never writes a separator at the right place."""
    model = save_tiny_model(tmp_path)
    metadata = json.loads((model / "metadata.json").read_text(encoding="utf-8"))
    metadata["documents"] = {"pieces": 50, "sentences": 20}
    (model / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    text = "\n".join(["the dog"] * 11) + "\n\nthe cat\n"
    done = nmt("translate", model, "--documents", "--precision", "fp32", given=text)
    alone = nmt("translate", model, "--precision", "fp32", given=text)
    assert done.stdout == alone.stdout
    assert "lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 1 more (11 in all): the model merged or split" in done.stderr


def test_evaluation_in_context(folder: Path, run: Path) -> None:
    source, reference = folder / "source", folder / "reference"
    rows = [line.split("\t") for line in (folder / "held.tsv").read_text(encoding="utf-8").split("\n")[:-1]]
    source.write_text("".join(row[0] + "\n" for row in rows), encoding="utf-8")
    reference.write_text("".join(row[-1] + "\n" for row in rows), encoding="utf-8")
    arguments = ("evaluate", run, "--source", source, "--reference", reference, "--measure", "exact_match", "--json")
    assert json.loads(nmt(*arguments, "--documents").stdout)["exact_match"]["score"] == 100.0
    assert json.loads(nmt(*arguments).stdout)["exact_match"]["score"] < 100.0


@pytest.mark.slow  # processes that import torch
def test_workers_give_the_same(run: Path) -> None:
    text = "lamp\nit shines\n\nkey\nit shines\n" * 3
    several = nmt("translate", run, "--documents", "--workers", 2, given=text)
    assert several.stdout == nmt("translate", run, "--documents", given=text).stdout


def test_mistakes_are_told_in_words(folder: Path, run: Path, tmp_path: Path) -> None:
    done = nmt("translate", save_tiny_model(tmp_path), "--documents", given="the dog\n")
    assert done.returncode == 2
    assert "a model that was trained on documents, got one that was trained on single sentences" in done.stderr
    for flags, words in ((("--scores",), "--scores: expected no --documents"), (("--n-best", 2), "got n_best 2")):
        done = nmt("translate", run, "--documents", *flags, given="key\n")
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr


def test_the_recipe_is_checked(folder: Path) -> None:
    environment = {**os.environ, "NMT_RUNS": str(folder / "runs")}

    def told(*overrides: str) -> str:
        done = nmt("recipe", "check", folder / "small.yaml", *overrides, environment=environment)
        assert done.returncode == 2, done.stdout
        return done.stderr

    assert "a corpus that says where documents begin" in told("corpus.documents=none")
    assert "at most training.max_length=10" in told("training.max_length=10")
    assert "evaluation.translation.documents" in told("data.context=sentence", "evaluation.translation.documents=true")
    (folder / "torn.de").write_text((folder / "train.de").read_text(encoding="utf-8").replace("\n\n", "\n", 1) + "\n")
    assert "empty lines separate documents" in told("corpus.training=[{source: train.en, target: torn.de}]")
