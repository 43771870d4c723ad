"""A language model from text to measures, and what each command does with one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.model_directory import save_tiny_model
from tests.command import nmt, succeed

ROOT = Path(__file__).resolve().parents[2]
WORDS = "one two three four five six seven eight nine ten eleven twelve".split()
LINES = [f"{a} {b} {c}" for a in WORDS for b in WORDS for c in WORDS[:3]]
RECIPE = """\
task: language_model
corpus:
  kind: files
  label: multi30k
  target: de
  training: [{text: train.txt}]
  validation: {text: validation.txt}
  tests: {mine: {text: test.txt}}
tokenizer: {vocabulary_size: 280}
model: {kind: recurrent_lm, model_dim: 16, layers: 1, dropout: 0.1}
training:
  updates: 8
  batch_tokens: 200
  processes: 1
  validate_every: 4
  log_every: 1
  schedule: {kind: constant, learning_rate: 0.01}
search: {max_length_offset: 8}
evaluation: {samples: 2}
"""
STAGES = {"prepare", "tokenizer", "ids", "train", "model", "evaluate"}


def write_recipe(folder: Path) -> Path:
    """A recipe and the files that it names."""
    for name, lines in (("train", [*LINES, LINES[0], ""]), ("validation", LINES[:4]), ("test", [*LINES[5:9], ""])):
        (folder / f"{name}.txt").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    path = folder / "recurrent_lm.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recipe(tmp_path_factory.mktemp("recipe"))


@pytest.fixture(scope="module")
def output(recipe: Path) -> str:
    """What the run says."""
    return succeed("run", recipe, "--runs", recipe.parent / "runs")


@pytest.fixture(scope="module")
def run(recipe: Path, output: str) -> Path:
    """The folder of the run."""
    return recipe.parent / "runs/multi30k_de/recurrent_lm"


@pytest.fixture
def text(recipe: Path) -> Path:
    return recipe.parent / "test.txt"


def report(run: Path) -> Any:
    return json.loads((run / "report.json").read_text(encoding="utf-8"))


def test_a_run_ends_with_measures_and_lines_of_its_own(run: Path, output: str) -> None:
    scores = report(run)["scores"]["mine"]
    assert list(scores) == ["perplexity", "word_perplexity", "bits_per_character", "lines"]
    assert scores == json.loads((run / "model/metadata.json").read_text(encoding="utf-8"))["scores"]["mine"]
    assert not (run / "translate").exists()
    said = ("434 read", "1 dropped: empty", "1 dropped: duplicate", "4 training lines are the same", "432 lines,")
    for words in (*said, "word perplexity", "Lines that it writes:", "generate", "--target FILE --summary"):
        assert words in output
    assert "BLEU" not in output
    assert re.search(r"update 8: validation perplexity \d+\.\d\d", output)


def test_a_second_run_has_nothing_to_do(recipe: Path, run: Path) -> None:
    before = report(run)
    again = succeed("run", recipe, "--runs", recipe.parent / "runs")
    assert {line.split()[0] for line in again.splitlines() if " reused (" in line} == STAGES
    assert report(run) == before


def test_score_has_a_line_for_each_and_a_summary_that_is_the_reports(run: Path, text: Path) -> None:
    done = nmt("score", run, "--target", text, "--tokens", "--summary")
    rows = [row.split("\t") for row in done.stdout.split("\n")[:-1]]
    assert len(rows) == 5
    assert rows[4] == ["0.0000", ""]  # nothing is asked for a blank line
    total, pieces = rows[0]
    assert pieces.endswith(re.findall(r"</s>:.*", pieces)[0])
    values = [float(piece.rsplit(":", 1)[1]) for piece in pieces.split(" ")]
    assert sum(values) == pytest.approx(float(total), abs=1e-3)
    measured = report(run)["scores"]["mine"]
    assert done.stderr == (
        f"perplexity {measured['perplexity']['score']:.2f}, "
        f"word perplexity {measured['word_perplexity']['score']:.2f}, "
        f"bits per character {measured['bits_per_character']['score']:.3f}; "
        f"4 lines, {sum(len(row[1].split()) for row in rows)} tokens\n"
    )
    evaluated = json.loads(succeed("evaluate", run, "--reference", text, "--json"))
    assert evaluated["lines"] == 5
    assert evaluated["perplexity"]["score"] == pytest.approx(measured["perplexity"]["score"], rel=1e-6)
    assert "token accuracy" in succeed("evaluate", run, "--reference", text, "--measure", "token_accuracy")


def test_generate_draws_the_same_lines_from_the_same_seed(run: Path) -> None:
    lines = succeed("generate", run, "--lines", 70).split("\n")[:-1]
    assert len(lines) == 70
    assert succeed("generate", run, "--lines", 3).split("\n")[:-1] == lines[:3]
    assert succeed("generate", run, "--lines", 3, "--seed", 2).split("\n")[:-1] != lines[:3]
    begun = succeed("generate", run, "--lines", 3, "--prompt", "one two", "--temperature", 0.5, "--top-k", 5)
    assert all(line.startswith("one two") for line in begun.split("\n")[:-1])
    short = succeed("generate", run, "--lines", 3, "--max-tokens", 1, "--prompt", "one").split("\n")[:-1]
    assert len(short) == 3


def test_it_is_averaged_quantised_and_shown(run: Path, text: Path, tmp_path: Path) -> None:
    succeed("average", run / "train/checkpoints", "-o", tmp_path / "mean")
    succeed("quantize", tmp_path / "mean", tmp_path / "small")
    values = [float(line) for line in succeed("score", tmp_path / "small", "--target", text).split()]
    exact = [float(line) for line in succeed("score", tmp_path / "mean", "--target", text).split()]
    assert values == pytest.approx(exact, abs=0.5)
    shown = succeed("info", run)
    assert "language model" in shown
    assert "source language" not in shown
    assert "BLEU" not in shown


def test_what_a_language_model_cannot_do_is_refused(run: Path, text: Path, tmp_path: Path) -> None:
    other = save_tiny_model(tmp_path / "translates")
    for arguments, words in (
        (("translate", run, text), "expected a translation model, got a language model. Use `nmt score MODEL"),
        (("export", "ctranslate2", run, tmp_path / "out"), "expected a translation model, got a language model"),
        (("score", run, "--source", text, "--target", text), "--source: expected no source with a language model"),
        (("score", other, "--target", text), "--source: expected the source text of --target, got nothing"),
        (("generate", other), "expected a language model, got a translation model"),
        (("evaluate", run, "--source", text, "--reference", text), "--source: expected nothing with a language model"),
        (("evaluate", run, "--reference", text, "--beam", 3), "--beam: expected nothing with a language model"),
        (("evaluate", run, "--reference", text, "--measure", "bleu"), "--measure bleu: expected a measure of a lang"),
        (("evaluate", run, "--reference", text, "--reference", text), "--reference: expected one text"),
    ):
        done = nmt(*arguments)
        assert done.returncode == 2, arguments
        assert words in done.stderr
        assert done.stdout == ""


def test_python_of_the_documentation(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parents[2])
    page = (ROOT / "docs/language_models.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(compile("import nmt\n" + block, "language_models.md", "exec"), names)
    model, error = names["lm"], names["nmt"].UserError
    assert [score.log_probability for score in model.score(target=["one", "one"])] == [
        model.score(target="one").log_probability
    ] * 2
    assert model.generate(2, seed=5) == model.generate(3, seed=5)[:2]
    with pytest.raises(error, match=r"expected a translation model, got a language model. Use Model.score"):
        model.translate("one")
    with pytest.raises(error, match="source: expected None with a language model"):
        model.score("one", "one")


def test_training_goes_on_from_a_language_model(recipe: Path, run: Path) -> None:
    start = f"training.start_from={run}"
    changed = recipe.with_name("tuned.yaml")
    changed.write_text(re.sub(r"(?m)^(tokenizer|model):.*\n", "", RECIPE), encoding="utf-8")
    said = succeed("train", changed, start, "training.updates=2", "--runs", recipe.parent / "runs")
    assert "decoder.embedding" in succeed("recipe", "check", changed, start)
    assert "translates" not in said


MISTAKES = {
    "corpus.training=[{text: none.txt}]": "none.txt: expected a readable file",
    "corpus.training=[{text: empty.txt}]": "empty.txt: expected at least one pair of lines",
    "corpus.training=[{text: latin1.txt}]": "latin1.txt:1: expected text in UTF-8",
    "corpus.training=[{text: train.txt, tsv: train.txt}]": "give both source and target, or tsv alone, or for a lang",
    "corpus.source=en": "text is for a language model, but source is en: give pairs, or leave source out",
    "corpus={kind: multi30k, source: en, target: de}": "corpus.source: expected no source: a language model",
    "task=translation": "model.kind: expected task language_model, the task of the model recurrent_lm, got "
    "translation. Write the line `task: language_model` at the top",
    "task=language": "task: expected translation or language_model, got 'language'",
    "model={kind: transformer}": "expected task translation, the task of the model transformer, got language",
    "tokenizer.joint=false": "tokenizer.joint: expected one vocabulary",
    "tokenizer.apostrophes=plain": "tokenizer.apostrophes: expected keep",
    "training.best_by=bleu": "training.best_by: expected a measure of a language model: loss, tok",
    "evaluation.measures=[perplexity, chrf]": "evaluation.measures: expected a measure of a language",
    "training.objective={kind: refinement}": "training.objective, ",
    "search.kind=beam": "search.kind: expected sampling",
}


@pytest.mark.parametrize("override", MISTAKES)
def test_mistakes_in_a_recipe(recipe: Path, override: str) -> None:
    (recipe.parent / "empty.txt").write_bytes(b"")
    (recipe.parent / "latin1.txt").write_bytes("größer\n".encode("latin1") * 20)
    done = nmt("recipe", "check", recipe, override)
    assert done.returncode == 2
    assert MISTAKES[override] in done.stderr


def test_a_recipe_of_translation_needs_a_source(recipe: Path) -> None:
    done = nmt("recipe", "check", recipe, "task=translation", "model={kind: transformer, preset: tiny}")
    assert done.returncode == 2
    assert "corpus.source: expected the language to translate from, got nothing" in done.stderr


def test_settings_without_effect_are_warned_of(recipe: Path) -> None:
    settings = ("corpus.cleaning.max_length_ratio=2", "evaluation.tokenize=char", "evaluation.translation.split=on")
    done = nmt("recipe", "check", recipe, *settings)
    assert done.returncode == 0
    for setting in settings:
        assert f"{setting.split('=')[0]}: expected nothing with task language_model" in done.stderr
