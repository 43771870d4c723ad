"""The whole pipeline: takes values from the recipe and passes them to the stages in order.

runs/<corpus>_<source>_<target>/<recipe name>/          (a language model's: runs/<corpus>_<target>/…)
    corpus/      downloaded or generated corpus files
    prepare/     clean text, and a report of what was dropped and why
    tokenizer/   tokenizer models
    ids/         the text as token ids, memory-mapped in training
    train/       checkpoints and TensorBoard scalars
    previous/    trainings with other options, restored when the options change back
    model/       the model directory: everything that translation needs
    translate/   translations of the test sets (not for a language model)
    evaluate/    scores of the test sets
    yardsticks/  scores of simple strategies on them, for corpora that have any
    report.json  measurements
    stages/      records from which the next run decides what it can reuse
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from nmt.bundle import MODEL, load_bundle
from nmt.data.pairs import ParallelFiles, Text
from nmt.evaluation.tokenization import tokenizer_name
from nmt.inference.fusion import check_language_model
from nmt.inference.generating import generated_lines
from nmt.inference.own_search import own_sampling
from nmt.output import write_atomically
from nmt.pipeline.ids import PreparedIds, prepare_ids, prepared_ids
from nmt.pipeline.lock import locked
from nmt.pipeline.ranks import rank, refuse_several, wait_for_the_first
from nmt.pipeline.report import write_report
from nmt.pipeline.reporter import Reporter, Silent
from nmt.pipeline.testing import TRANSLATE, Sample, ScoredModel, evaluate_tests, samples, translate_tests
from nmt.pipeline.text import PreparedText, clean_text, find_corpus, prepare_text
from nmt.pipeline.training import TrainedModel, TrainingSettings, follow, save_model
from nmt.pipeline.training import train as train_weights
from nmt.pipeline.yardsticks import measure_yardsticks
from nmt.recipe import Recipe
from nmt.recipe.show import as_yaml

RESOLVED = "recipe.yaml"


@dataclass(frozen=True)
class RunResult:
    """Result of a complete run."""

    directory: Path
    model: Path
    scores: Mapping[str, Any]
    """By test set; see `nmt.evaluation.scores.Scores.json`."""
    samples: list[Sample]
    """From the first test set; empty without test sets and for a language model."""
    report: Mapping[str, Any]
    lines: Sequence[str] = ()
    """Lines drawn from a language model."""
    yardsticks: Mapping[str, Any] = field(default_factory=dict)
    """Scores of the corpus's yardsticks, by test set and by strategy, for corpora that have any."""
    references: Mapping[str, Path] = field(default_factory=dict)
    """The references of each test set, one line per line of the translation in `translate/<test>`."""


def run_directory(recipe: Recipe, runs: Path) -> Path:
    """The folder with everything that this recipe produces."""
    return runs / recipe.corpus.name / recipe.name


def prepare(recipe: Recipe, runs: Path, reporter: Reporter) -> Path:
    """Runs all stages up to the stored token ids; returns the run directory."""
    refuse_several("prepare")
    directory = run_directory(recipe, runs)
    with locked(directory):
        _prepare(recipe, directory, reporter)
        write_report(directory, recipe.name, recipe.model_dump(mode="json"))
    return directory


def train(recipe: Recipe, runs: Path, reporter: Reporter) -> Path:
    """Runs all stages up to the model directory, which it returns.

    In any process of the training but the first, waits for the data and takes part.
    """
    directory = run_directory(recipe, runs)
    if rank() > 0:
        if wait_for_the_first():
            follow(
                _settings(recipe),
                prepared_ids(directory, clean_text(directory, "validation", recipe.corpus.languages)),
                directory,
                Silent(),
            )
        return directory / MODEL
    with locked(directory):
        _, trained = _train(recipe, directory, runs, reporter)
        write_report(directory, recipe.name, recipe.model_dump(mode="json"))
    return trained.directory


def run(recipe: Recipe, runs: Path, reporter: Reporter) -> RunResult:
    """Runs all stages; outputs that exist and follow from the same options and inputs are reused."""
    refuse_several("run")
    check_language_model(recipe.evaluation.translation)
    directory = run_directory(recipe, runs)
    with locked(directory):
        text, trained = _train(recipe, directory, runs, reporter)
        tests = text.raw.tests
        to_translate = {name: files for name, files in tests.items() if isinstance(files, ParallelFiles)}
        scores = _scores(recipe, trained, tests, to_translate, directory, reporter) if tests else {}
        yardsticks = _yardsticks(recipe, trained, tests, directory, reporter)
        report = write_report(directory, recipe.name, recipe.model_dump(mode="json"))
        shown = [
            sample
            for name, files in list(to_translate.items())[:1]
            for sample in samples(files, directory / TRANSLATE / name, recipe.evaluation.samples)
        ]
        lines = _drawn(recipe, trained.directory) if recipe.task == "language_model" else []
    references = {name: files.target for name, files in tests.items()}
    return RunResult(directory, trained.directory, scores, shown, report, lines, yardsticks, references)


def _scores(
    recipe: Recipe,
    trained: TrainedModel,
    tests: Mapping[str, Text],
    to_translate: Mapping[str, ParallelFiles],
    directory: Path,
    reporter: Reporter,
) -> Mapping[str, Any]:
    """Scores of the test sets, also written to the model's metadata; a language model needs no translations."""
    options, translations = recipe.evaluation.translation, dict[str, str]()
    if to_translate:
        record = translate_tests(
            trained.directory, trained.digests, recipe.search, options, to_translate, directory, reporter
        )
        translations = {name: record.outputs[name] for name in to_translate}
    model = ScoredModel(trained.directory, trained.digests, options)
    measures = recipe.evaluation.measures
    scores = evaluate_tests(translations, model, tests, _tokenize(recipe), measures, directory, reporter)
    trained.add_scores(scores)
    return scores


def _yardsticks(
    recipe: Recipe, trained: TrainedModel, tests: Mapping[str, Text], directory: Path, reporter: Reporter
) -> Mapping[str, Any]:
    """Scores of the corpus's yardsticks on the test sets."""
    model, measures = trained.directory, recipe.evaluation.measures
    return measure_yardsticks(recipe.corpus, tests, model, _tokenize(recipe), measures, directory, reporter)


def _tokenize(recipe: Recipe) -> Callable[[Iterable[str]], str]:
    """Chooses the sacrebleu tokenizer for references."""
    return partial(tokenizer_name, recipe.evaluation.tokenize, recipe.corpus.target)


def _drawn(recipe: Recipe, model: Path) -> list[str]:
    """Lines drawn from a language model, as many as the recipe asks to show."""
    bundle = load_bundle(model)
    sampling = own_sampling(bundle.recipe)
    return list(generated_lines(bundle.model, bundle.tokenizers.target, recipe.evaluation.samples, sampling))


def _prepare(recipe: Recipe, directory: Path, reporter: Reporter) -> tuple[PreparedText, PreparedIds]:
    with write_atomically(directory / RESOLVED) as handle:
        handle.write(as_yaml(recipe))
    raw = find_corpus(recipe.corpus, directory, reporter)
    text = prepare_text(recipe.corpus, raw, directory, reporter)
    return text, prepare_ids(recipe.tokenizer, text, recipe.corpus.languages, directory, reporter, recipe.data)


def _train(recipe: Recipe, directory: Path, runs: Path, reporter: Reporter) -> tuple[PreparedText, TrainedModel]:
    text, ids = _prepare(recipe, directory, reporter)
    # Not the user's file, which may be edited while the data is being prepared.
    arguments = ["train", str(directory / RESOLVED), "--runs", str(runs)]
    settings = _settings(recipe)
    trained = train_weights(settings, ids, directory, reporter, arguments)
    plain = recipe.model_dump(mode="json")
    return text, save_model(settings, trained, ids, plain, directory, reporter)


def _settings(recipe: Recipe) -> TrainingSettings:
    return TrainingSettings(
        model=recipe.model,
        training=recipe.training,
        search=recipe.search,
        translation=recipe.evaluation.translation,
        tokenize=recipe.evaluation.tokenize,
        measures=recipe.evaluation.measures,
        languages=(recipe.corpus.source or "", recipe.corpus.target),
        resegment=recipe.tokenizer.samples,
    )
