"""`nmt evaluate`: BLEU, chrF, TER, GLEU and other measures of a model or of a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from nmt.cli.arguments import path_option
from nmt.cli.inputs import check_one_dash, input_name
from nmt.cli.model import (
    device_option,
    load_model,
    model_option,
    read_whole,
    search_settings,
    warn_of_long_lines,
    warn_of_lost_context,
    workers_option,
)
from nmt.cli.options import option_fields, with_changes
from nmt.cli.watched import busy, watched_lines
from nmt.errors import UserError
from nmt.evaluation.measures import MEASURES, OF_LANGUAGE_MODELS, OF_TESTS, MeasureName
from nmt.evaluation.tokenization import Tokenization
from nmt.inference.options import OF_SEARCH, TranslationOptions
from nmt.search import SearchConfig

if TYPE_CHECKING:
    from nmt.bundle import Bundle
    from nmt.evaluation.measure import TokenTotals
    from nmt.evaluation.scores import Scores
    from nmt.evaluation.significance import Comparison

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("model", required=False, type=_FILE)
@path_option("--source", help="Text for MODEL to translate; not for a language model.")
@path_option("--hypothesis", help="Translations to score, instead of MODEL and --source.")
@click.option(
    "--reference",
    "references",
    required=True,
    multiple=True,
    type=_FILE,
    help="Reference translations, line by line; repeat the option for several references of the same text. For a "
    "language model, the text to measure it on.",
)
@path_option("--compare", help="Other translations, compared with the first by paired bootstrap.")
@click.option(
    "--tokenize",
    type=click.Choice(get_args(Tokenization)),
    default="auto",
    show_default=True,
    help="sacrebleu tokenizer that splits text into words for BLEU and GLEU. auto: by the model's target language, "
    "else by the references: zh for Chinese, ja-mecab for Japanese (char if it is not installed), char for Thai, Lao, "
    "Khmer, Burmese and Tibetan, 13a for all others.",
)
@click.option(
    "--measure",
    "measures",
    type=click.Choice(get_args(MeasureName)),
    multiple=True,
    help="Measure to compute; repeat the option for several. token_accuracy, perplexity, word_perplexity and "
    f"bits_per_character tell how well MODEL predicts --reference.  [default: {', '.join(OF_TESTS)}; for a language "
    f"model {', '.join(OF_LANGUAGE_MODELS)}]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@option_fields(SearchConfig, "search", defaults_from="the model's recipe")
@option_fields(TranslationOptions, "translation")
@model_option
@workers_option
@device_option
def command(
    model: Path | None,
    source: Path | None,
    hypothesis: Path | None,
    references: tuple[Path, ...],
    compare: Path | None,
    tokenize: Tokenization,
    measures: tuple[MeasureName, ...],
    as_json: bool,
    search: Mapping[str, Any],
    translation: Mapping[str, Any],
    model_options: tuple[str, ...],
    workers: int | None,
    device: str,
) -> None:
    """Score translations against one or more references: BLEU, chrF and TER by sacrebleu, GLEU and others.

    Give MODEL and --source to translate first, or --hypothesis, a file of translations, or only a language model, which
    is measured by how well it predicts --reference. One of the files may be - for standard input.
    Text is scored as is: cased, detokenised, with the signatures that make scores comparable.
    """
    from nmt.bundle import read_metadata
    from nmt.cli.evaluate_language_model import language_model_scores, refuse_translations
    from nmt.evaluation.scores import check_lines, scores
    from nmt.evaluation.tokenization import tokenizer_name

    measures = tuple(dict.fromkeys(measures))
    check_one_dash((source, hypothesis, compare, *references))
    if model is not None and read_metadata(model).task == "language_model":
        files = (("--source", source), ("--hypothesis", hypothesis), ("--compare", compare))
        settings = {**search, **{name: value for name, value in translation.items() if name in OF_SEARCH}}
        refuse_translations((*files, *((f"--{name.replace('_', '-')}", value) for name, value in settings.items())))
        _print(language_model_scores(model, references, measures, translation, model_options, device), [], as_json)
        return
    measures = measures or OF_TESTS
    given = {**search, **translation} | ({"model_option": model_options} if model_options else {})
    _check_inputs(model, source, hypothesis, given)
    _check_measures(measures, hypothesis, references, compare)
    right = [read_whole(path) for path in references]
    other = None if compare is None else read_whole(compare)
    scored = hypothesis or source
    assert scored is not None
    where, lines = input_name(scored), read_whole(scored)
    for path, text in zip(references, right, strict=True):  # before translating
        check_lines(lines, text, where, input_name(path))
        if compare is not None and other is not None:
            check_lines(other, text, input_name(compare), input_name(path))
    language, totals = "", None
    if model is not None:
        assert source is not None
        bundle = load_model(model, device, workers, model_options)
        options = with_changes(TranslationOptions(), translation)
        totals = _totals(bundle, lines, right[0], measures, options)
        lines = _translated(bundle, model, source, lines, measures, search, options, workers)
        language = bundle.metadata.target_language
    words = tokenizer_name(tokenize, language, right[0])
    compared = []
    with busy("score"):
        measured = scores(lines, right, where, words, measures, totals)
        if other is not None:
            from nmt.evaluation.significance import paired_bootstrap

            compared = paired_bootstrap(lines, other, right, words, measures=measures)
    _print(measured, compared, as_json)


def _print(measured: Scores, compared: list[Comparison], as_json: bool) -> None:
    if as_json:
        report = measured.json()
        if compared:
            report["comparison"] = [comparison.json() for comparison in compared]
        sys.stdout.write(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    else:
        _show(measured, compared)
    if note := measured.concern():
        click.echo(f"nmt: warning: {note}", err=True)


def _check_inputs(
    model: Path | None, source: Path | None, hypothesis: Path | None, settings: Mapping[str, Any]
) -> None:
    both = "either MODEL and --source, or --hypothesis"
    if hypothesis is not None:
        if model is not None or source is not None:
            raise UserError("nmt evaluate", both, "both")
        if settings:
            raise UserError(f"--{next(iter(settings)).replace('_', '-')}", "a MODEL to translate with", "--hypothesis")
    elif model is None or source is None:
        raise UserError("nmt evaluate", both, "MODEL alone" if model else "--source alone" if source else "neither")


def _check_measures(
    measures: tuple[MeasureName, ...], hypothesis: Path | None, references: tuple[Path, ...], compare: Path | None
) -> None:
    """Raises:
    UserError: a measure cannot be computed from these files.
    """
    from nmt.evaluation.scores import token_measures

    if of_tokens := token_measures(measures):
        where = f"--measure {of_tokens[0]}"
        if hypothesis is not None:
            raise UserError(where, "a MODEL and --source: it needs the model's probabilities", "--hypothesis")
        if len(references) > 1:
            raise UserError(where, "one --reference", f"{len(references)} of them")
    if compare is not None and not any(MEASURES[name].metric() for name in measures):
        tested = ", ".join(name for name, measure in MEASURES.items() if measure.metric())
        raise UserError("--compare", f"a measure that can be compared ({tested})", ", ".join(measures))


def _totals(
    bundle: Bundle,
    sources: list[str],
    references: list[str],
    measures: tuple[MeasureName, ...],
    options: TranslationOptions,
) -> TokenTotals | None:
    """Token totals of the references under the model; None if no measure needs them."""
    from nmt.evaluation.scores import token_measures
    from nmt.inference.scoring import token_totals

    if not token_measures(measures):
        return None
    with busy("score"):
        return token_totals(bundle.model, bundle.tokenizers, sources, references, options)


def _translated(
    bundle: Bundle,
    model: Path,
    source: Path,
    lines: list[str],
    measures: tuple[MeasureName, ...],
    search: Mapping[str, Any],
    options: TranslationOptions,
    workers: int | None,
) -> list[str]:
    """The model's translation of each line; empty if no measure needs translations."""
    from nmt.evaluation.scores import text_measures
    from nmt.inference.stream import translate_stream
    from nmt.inference.windows import WINDOW_LINES, windows

    settings = search_settings(bundle, search)
    if not text_measures(measures):
        return []
    groups = windows(lines, WINDOW_LINES)
    translations = translate_stream(model, bundle, groups, settings, options, workers)
    found = list(watched_lines(translations, "translate", source))
    warn_of_long_lines([number for number, line in enumerate(found, 1) if line.too_long])
    warn_of_lost_context([number for number, line in enumerate(found, 1) if line.out_of_context])
    return [line.text for line in found]


def _show(measured: Scores, compared: list[Comparison]) -> None:
    from rich.table import Table

    from nmt.cli.console import stdout_console

    console = stdout_console()
    table = Table("measure", "score", "details")
    for name, score in measured.found.items():
        table.add_row(score.name, f"{score.value:.{MEASURES[name].decimals}f}", score.details)
    console.print(table)
    for score in measured.all:
        console.print(f"{score.name}|{score.signature}", soft_wrap=True)
    if compared:
        table = Table("measure", "first", "second", "p", title="Paired bootstrap, 95 % intervals")
        for comparison in compared:
            first, second = comparison.baseline_interval, comparison.system_interval
            table.add_row(
                comparison.name,
                f"{comparison.baseline:.1f} ({first[0]:.1f} ± {first[1]:.1f})",
                f"{comparison.system:.1f} ({second[0]:.1f} ± {second[1]:.1f})",
                f"{comparison.p_value:.4f}",
            )
        console.print(table)
