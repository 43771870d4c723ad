"""A synthetic corpus from its generator to a report that has the yardsticks' scores beside the model's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import succeed

RECIPE = """\
corpus: {kind: adding, length: 6, pairs: 200, validation_pairs: 20, test_pairs: 50}
tokenizer: {kind: symbols}
model: {kind: luong, source_embedding_dim: 8, target_embedding_dim: 8, encoder_dim: 8, decoder_dim: 8, layers: 1}
training:
  updates: 4
  batch_tokens: 200
  processes: 1
  best_by: loss
  schedule: {kind: constant, learning_rate: 0.01}
evaluation: {measures: [exact_match, token_accuracy, perplexity], samples: 1}
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def output(recipe: Path) -> str:
    return succeed("run", recipe, "--runs", recipe.parent / "runs")


@pytest.fixture(scope="module")
def run(recipe: Path, output: str) -> Path:
    return recipe.parent / "runs/adding_input_answer/tiny"


def test_the_table_has_a_row_for_each_yardstick(output: str) -> None:
    lines = [line.split() for line in output.splitlines()]
    rows = [line for line in lines if line[:1] in (["test"], ["trivial:"], ["optimum"])]
    assert [row[0] for row in rows] == ["test", "test", "trivial:", "optimum"]
    assert rows[-1] == ["optimum", "100.0", "100.0", "1.00", "50"]


def test_the_report_has_the_yardsticks_measured_on_the_test_set(run: Path) -> None:
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    of_test = report["yardsticks"]["test"]
    assert list(of_test) == ["trivial: input not read", "optimum"]
    blind = of_test["trivial: input not read"]
    assert list(blind) == list(report["scores"]["test"]) == ["exact_match", "token_accuracy", "perplexity", "lines"]
    answers = (run / "corpus/test.answer").read_text(encoding="utf-8").split()
    nines = 100 * answers.count("9") / 50
    assert blind["exact_match"]["score"] == pytest.approx(nines)
    assert blind["token_accuracy"]["score"] == pytest.approx((nines + 100) / 2)  # the end of the answer is certain
    probability = 1.0
    for answer in answers:
        probability *= (10 - abs(9 - int(answer))) / 100
    assert blind["perplexity"]["score"] == pytest.approx(probability ** (-1 / 100))
    assert of_test["optimum"]["perplexity"]["score"] == 1.0


def test_another_run_reuses_everything(recipe: Path, run: Path) -> None:
    output = succeed("run", recipe, "--runs", recipe.parent / "runs")
    assert {line.split()[0] for line in output.splitlines() if " reused (" in line} >= {"train", "yardsticks"}
    assert "trivial: input not read" in output


def test_measures_of_tokens_are_left_out_with_tokens_that_are_not_symbols(recipe: Path, run: Path) -> None:
    overrides = "tokenizer={kind: sentencepiece, vocabulary_size: 36, byte_fallback: false}", "name=pieces"
    succeed("run", recipe, *overrides, "--runs", recipe.parent / "runs")
    report = json.loads((run.with_name("pieces") / "report.json").read_text(encoding="utf-8"))
    assert list(report["yardsticks"]["test"]["optimum"]) == ["exact_match", "lines"]


LANGUAGE_MODEL = """\
task: language_model
corpus: {kind: context_free, lengths: [3, 9], test_lengths: [10, 13], pairs: 60, validation_pairs: 10, test_pairs: 3}
tokenizer: {kind: symbols}
model: {kind: recurrent_lm, layers: 1, model_dim: 8}
training:
  updates: 2
  batch_tokens: 200
  processes: 1
  schedule: {kind: constant, learning_rate: 0.01}
evaluation: {measures: [perplexity, token_accuracy]}
"""


def test_a_language_model_is_compared_with_the_lower_bound_which_has_no_token_accuracy(tmp_path: Path) -> None:
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(LANGUAGE_MODEL, encoding="utf-8")
    lines = [line.split() for line in succeed("run", recipe, "--runs", tmp_path / "runs").splitlines()]
    scored = json.loads((tmp_path / "runs/context_free_string/tiny/report.json").read_text(encoding="utf-8"))
    of_test = scored["yardsticks"]["test_3_9"]
    assert list(of_test) == ["trivial: lengths and positions known", "lower bound"]
    # Strings of 3, 5, 7 and 9 symbols and their ends: 28 tokens with 10 bits to know, or 20 bits without memory,
    # and 2 bits each for the length.
    bound = 2 ** ((10 + 4 * 2) / 28)
    assert of_test["lower bound"]["perplexity"]["score"] == pytest.approx(bound)
    assert ["lower", "bound", f"{bound:.2f}", "–", "12"] in lines
    assert of_test["trivial: lengths and positions known"]["perplexity"]["score"] == pytest.approx(2 ** ((20 + 8) / 28))
    assert "token_accuracy" in of_test["trivial: lengths and positions known"]
