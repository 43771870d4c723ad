"""The pipeline as a whole: takes values out of the recipe and hands them to the stages, in order.

runs/<corpus>_<source>_<target>/<recipe name>/
    corpus/      what the corpus had to download or make
    prepare/     clean text, and a report of what was dropped and why
    tokenizer/   wordpiece models
    ids/         the text as token ids, mapped into memory by training
    train/       checkpoints and TensorBoard scalars; train.previous/ holds those of other options
    model/       the model directory: all that translating needs
    translate/   translations of the test sets
    evaluate/    their scores
    report.json  what was measured
    stages/      records by which the next run knows what it can reuse
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.pipeline.ids import PreparedIds, prepare_ids
from nmt.pipeline.lock import locked
from nmt.pipeline.report import write_report
from nmt.pipeline.reporter import Reporter
from nmt.pipeline.testing import TRANSLATE, Sample, evaluate_tests, samples, translate_tests
from nmt.pipeline.text import PreparedText, find_corpus, prepare_text
from nmt.pipeline.training import TrainedModel, train_model
from nmt.recipe import Recipe


@dataclass(frozen=True)
class RunResult:
    """What a whole run ends with."""

    directory: Path
    model: Path
    scores: Mapping[str, Any]
    """By test set; see `nmt.evaluation.bleu.Scores.json`."""
    samples: list[Sample]
    """Of the first test set."""
    report: Mapping[str, Any]


def run_directory(recipe: Recipe, runs: Path) -> Path:
    """Where everything of this recipe lies."""
    return runs / recipe.corpus.name / recipe.name


def prepare(recipe: Recipe, runs: Path, reporter: Reporter) -> Path:
    """All stages up to the stored token ids; returns the run directory."""
    directory = run_directory(recipe, runs)
    with locked(directory):
        _prepare(recipe, directory, reporter)
        write_report(directory, recipe.name, recipe.model_dump(mode="json"))
    return directory


def train(recipe: Recipe, runs: Path, reporter: Reporter) -> Path:
    """All stages up to the model directory, which it returns."""
    directory = run_directory(recipe, runs)
    with locked(directory):
        _, trained = _train(recipe, directory, reporter)
        write_report(directory, recipe.name, recipe.model_dump(mode="json"))
    return trained.directory


def run(recipe: Recipe, runs: Path, reporter: Reporter) -> RunResult:
    """All stages; what is there and follows from the same options and inputs is reused."""
    directory = run_directory(recipe, runs)
    with locked(directory):
        text, trained = _train(recipe, directory, reporter)
        tests, options = text.raw.tests, recipe.evaluation.translation
        translations = translate_tests(
            trained.directory, trained.digests, recipe.search, options, tests, directory, reporter
        )
        scores = evaluate_tests(translations, tests, directory, reporter)
        trained.add_scores(scores)
        report = write_report(directory, recipe.name, recipe.model_dump(mode="json"))
        first = next(iter(tests))
        shown = samples(tests[first], directory / TRANSLATE / first, recipe.evaluation.samples)
    return RunResult(directory, trained.directory, scores, shown, report)


def _prepare(recipe: Recipe, directory: Path, reporter: Reporter) -> tuple[PreparedText, PreparedIds]:
    raw = find_corpus(recipe.corpus, directory, reporter)
    text = prepare_text(recipe.corpus, raw, directory, reporter)
    return text, prepare_ids(recipe.tokenizer, text, directory, reporter)


def _train(recipe: Recipe, directory: Path, reporter: Reporter) -> tuple[PreparedText, TrainedModel]:
    text, ids = _prepare(recipe, directory, reporter)
    trained = train_model(
        model=recipe.model,
        training=recipe.training,
        search=recipe.search,
        ids=ids,
        languages=(recipe.corpus.source, recipe.corpus.target),
        recipe=recipe.model_dump(mode="json"),
        run=directory,
        reporter=reporter,
    )
    return text, trained
