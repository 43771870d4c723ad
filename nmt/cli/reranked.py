"""The work of `nmt rerank`: inputs, weights, features, tuning and its report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from nmt.cli.inputs import input_lines, input_name
from nmt.cli.model import read_whole
from nmt.cli.options import with_changes
from nmt.cli.outputs import opened
from nmt.cli.watched import busy, watched_lines
from nmt.errors import UserError
from nmt.evaluation.measure import Outcome, Score
from nmt.evaluation.measures import MEASURES
from nmt.evaluation.scores import check_lines
from nmt.evaluation.tokenization import Tokenization, tokenizer_name
from nmt.imports import quick_imports
from nmt.inference.options import TranslationOptions
from nmt.inference.reranking.options import Preset, Tunable, TuningOptions

with quick_imports():
    from nmt.inference.device import chosen_device
    from nmt.inference.reranking.candidates import MOST, Candidates, read_n_best
    from nmt.inference.reranking.scoring import Scorer, feature_table, language_of, list_column, scorers
    from nmt.inference.reranking.statistics import line_statistics, statistics
    from nmt.inference.reranking.table import LENGTH, FeatureTable, read_table
    from nmt.inference.reranking.tuning import Tuned, check_installed, tune
    from nmt.inference.reranking.weights import LIST_SCORE, RerankingWeights, preset_weights


@dataclass(frozen=True)
class Inputs:
    """The arguments that say what is reranked, and by what."""

    models: tuple[Path, ...]
    reverse_models: tuple[Path, ...]
    language_models: tuple[Path, ...]
    source: Path | None
    n_best: Path | None
    features: Path | None
    list_scores: bool | None


@dataclass(frozen=True)
class Prepared:
    """The texts, read and compared before a model is loaded."""

    inputs: Inputs
    sources: Sequence[str]
    """The N source lines; empty if the features come from a file."""
    candidates: Candidates
    scorers: Sequence[Scorer]
    list_scores: bool
    """Whether the scores in the list are a feature."""
    table: FeatureTable | None
    """The features, if they come from a file."""
    references: Sequence[Sequence[str]]
    tokenize: Tokenization
    """Value of --tokenize."""
    words: str
    """sacrebleu's name of the tokenizer that counts words."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features."""
        if self.table is not None:
            return self.table.names
        listed = (LIST_SCORE,) if self.list_scores else ()
        return (*(scorer.name for scorer in self.scorers), *listed, LENGTH)


def prepared(inputs: Inputs, references: Sequence[Path], tokenize: Tokenization) -> Prepared:
    """Reads the texts.

    Args:
        inputs: what is reranked, and by what.
        references: files of references, if weights are tuned.
        tokenize: value of --tokenize.

    Raises:
        UserError: options are missing or exclude each other, or a text cannot be read or does not fit another.
    """
    if references:
        check_installed()
    found, list_scores, sources, table = _scorers(inputs), False, list[str](), None
    if inputs.features is not None:
        table = read_table(input_lines(inputs.features), input_name(inputs.features))
        candidates, where = table.candidates, input_name(inputs.features)
    else:
        assert inputs.source is not None
        assert inputs.n_best is not None
        sources, where = read_whole(inputs.source), input_name(inputs.source)
        candidates = read_n_best(read_whole(inputs.n_best), input_name(inputs.n_best), sources, where)
        list_scores = _uses_list(inputs, candidates)
    right = [read_whole(path) for path in references]
    for path, lines in zip(references, right, strict=True):
        check_lines(lines, [""] * len(candidates.sizes), input_name(path), where)
    choice = tokenize if table is None else _tokenization(table, tokenize, where)
    words = tokenizer_name(choice, language_of(found), right[0] if right else candidates.texts)
    return Prepared(inputs, sources, candidates, found, list_scores, table, right, tokenize, words)


def start_weights(
    ready: Prepared, preset: Preset | None, file: Path | None, changes: Sequence[str], length_penalty: float | None
) -> RerankingWeights:
    """The weights that the options give.

    Args:
        ready: the texts.
        preset: value of --preset.
        file: value of --weights.
        changes: values of --weight.
        length_penalty: value of --length-penalty.

    Raises:
        UserError: options exclude each other, or weights do not fit the features.
    """
    if file is not None and preset is not None:
        raise UserError("--preset", "either --preset or --weights", "both")
    if file is None:
        found, where = preset_weights(preset or "sum", ready.names, f"--preset {preset}"), "--weight"
    else:
        found, where = RerankingWeights.read(file), str(file)
    weights = {**found.weights, **dict(map(_weight, changes))}
    penalty = found.length_penalty if length_penalty is None else length_penalty
    words: str = ready.words
    if ready.table is not None and ready.table.words:
        found.counting(ready.table, where)
    elif ready.tokenize == "auto" and found.words != "auto":
        words = tokenizer_name(found.words, "", ())  # as when they were tuned, if it is installed
    found = with_changes(RerankingWeights(weights=weights), {"length_penalty": penalty, "words": words})
    found.vector(ready.names, where)
    return found


def scored(ready: Prepared, options: TranslationOptions, device: str, words: str, save: Path | None) -> FeatureTable:
    """The table of features: read, or computed by one model after the other.

    Args:
        ready: the texts.
        options: precision and batch size.
        device: value of --device.
        words: sacrebleu's name of the tokenizer that counts words for the length.
        save: file to write the table to.

    Raises:
        UserError: a model cannot be loaded, or the file cannot be written.
    """
    if save is None:
        return _scored(ready, options, device, words)
    with opened(save) as file:  # a path that cannot be written to is an error at once
        table = _scored(ready, options, device, words)
        file.writelines(row + "\n" for row in table.rows())
    return table


def _scored(ready: Prepared, options: TranslationOptions, device: str, words: str) -> FeatureTable:
    if ready.table is not None:
        return ready.table
    chosen = chosen_device(device, "--device")
    columns: list[tuple[str, Sequence[float]]] = []
    for scorer in ready.scorers:
        lines = scorer.line_scores(ready.sources, ready.candidates, options, chosen)
        shown = watched_lines(lines, scorer.name, ready.inputs.source)
        columns.append((scorer.name, [score for line in shown for score in line]))
    if ready.list_scores:
        columns += list_column(ready.candidates)
    return feature_table(ready.candidates, columns, words)


@dataclass(frozen=True)
class Report:
    """Tuned weights and the figures shown to the user."""

    found: Tuned
    weights: RerankingWeights
    """The weights, with a record of how they were found."""
    score: Score
    """Of the tuned weights' choice, with the measure's signature."""
    p_value: float | None
    """Of the difference between the first hypotheses and those chosen in cross-validation."""


def tuned(
    ready: Prepared, table: FeatureTable, start: RerankingWeights, measure: Tunable, options: TuningOptions
) -> Report:
    """Tunes the weights on the references.

    Args:
        ready: the texts.
        table: the features.
        start: weights that take part in the search.
        measure: the measure to raise.
        options: settings of the search.
    """
    lines = line_statistics(table.candidates, ready.references, measure, ready.words)
    label = MEASURES[measure].label
    counts = statistics(watched_lines(lines, label, ready.inputs.source), measure, ready.words)
    with busy("tune"):
        found = tune(table, counts, start, options)
        texts = found.weights.best(table)
        score = MEASURES[measure].score(Outcome(texts, ready.references, ready.words))
        p_value = _p_value(ready, table, found, measure)
    record = {
        "measure": measure,
        "signature": score.signature,
        "lines": len(texts),
        "seed": options.seed,
        "folds": min(options.folds, len(texts)),
        **{name: getattr(found, name) for name in ("first", "start", "tuned", "held_out", "oracle")},
        "p_value": p_value,
    }
    return Report(found, found.weights.model_copy(update={"tuned": record}), score, p_value)


def show(report: Report) -> None:
    """Prints scores and weights on standard error."""
    from rich.table import Table

    from nmt.cli.console import stderr_console

    found = report.found
    table = Table("translations chosen by", report.score.name, "")
    table.columns[1].justify = "right"
    table.add_row("order of the list: the first", f"{found.first:.2f}", "")
    table.add_row("weights at the start", f"{found.start:.2f}", "")
    table.add_row("tuned weights", f"{found.tuned:.2f}", "on the text they were tuned on")
    if found.held_out is not None:
        note = "" if report.p_value is None else f"p {report.p_value:.4f} against the first, by paired bootstrap"
        table.add_row("tuned weights, cross-validated", f"{found.held_out:.2f}", note)
    table.add_row("oracle", f"{found.oracle:.2f}", "best possible choice")
    console = stderr_console()
    console.print(table)
    console.print(f"{report.score.name}|{report.score.signature}", soft_wrap=True)
    weights = ", ".join(f"{name} {weight:.4g}" for name, weight in report.weights.weights.items())
    penalty = report.weights.length_penalty
    console.print(f"weights: {weights}" + (f"; length penalty {penalty:g}" if penalty else ""), soft_wrap=True)


def _scorers(inputs: Inputs) -> list[Scorer]:
    """The scorers, after checking that the options belong together.

    Raises:
        UserError: they do not.
    """
    given = (
        ("MODEL", inputs.models),
        ("--reverse-model", inputs.reverse_models),
        ("--language-model", inputs.language_models),
        ("--source", inputs.source),
        ("--n-best", inputs.n_best),
        ("--list-scores", inputs.list_scores),
    )
    if inputs.features is not None:
        for name, value in given:
            if value not in (None, ()):
                got = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
                raise UserError(name, "nothing with --features, which has all features", got)
        return []
    for name, path in (("--source", inputs.source), ("--n-best", inputs.n_best)):
        if path is None:
            raise UserError(name, "a file, or --features", "nothing")
    return scorers(inputs.models, inputs.reverse_models, inputs.language_models)


def _tokenization(table: FeatureTable, tokenize: Tokenization, where: str) -> Tokenization:
    """The tokenizer that counted words for the length of a table, if the table knows it, else the one asked for.

    Raises:
        UserError: the user asks for another.
    """
    if not table.words:
        return tokenize
    if tokenize not in ("auto", table.words):
        fix = "Compute the features anew for another."
        raise UserError("--tokenize", f"{table.words}, which counted the length in {where}", tokenize, fix)
    return cast("Tokenization", table.words)


def _uses_list(inputs: Inputs, candidates: Candidates) -> bool:
    """Whether the list's scores are a feature.

    Raises:
        UserError: there are none although they are asked for, or there is no feature but the length.
    """
    assert inputs.n_best is not None
    uses = not inputs.models if inputs.list_scores is None else inputs.list_scores
    if uses and candidates.scores is None and inputs.list_scores:
        raise UserError(input_name(inputs.n_best), "scores, for --list-scores", "a list without")
    uses = uses and candidates.scores is not None
    if not (uses or inputs.models or inputs.reverse_models or inputs.language_models):
        raise UserError("nmt rerank", "a MODEL, --reverse-model, --language-model or scores in the list", "none")
    return uses


def _weight(given: str) -> tuple[str, float]:
    name, _, number = given.partition("=")
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not abs(weight) <= MOST:
        expected = f"FEATURE=NUMBER, such as language_model=0.3, of at most {MOST:g}"
        raise UserError("--weight", expected, repr(given))
    return name.strip(), weight


def _p_value(ready: Prepared, table: FeatureTable, found: Tuned, measure: Tunable) -> float | None:
    from nmt.evaluation.significance import paired_bootstrap

    if found.held_out_choice is None or found.held_out == found.first:
        return None
    first, held_out = table.texts(table.candidates.starts), table.texts(found.held_out_choice)
    (comparison,) = paired_bootstrap(first, held_out, ready.references, ready.words, measures=(measure,))
    return comparison.p_value
