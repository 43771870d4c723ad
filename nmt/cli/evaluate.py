"""`nmt evaluate`: BLEU, chrF, TER and GLEU of a model or of a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmt.cli.model import (
    device_option,
    load_model,
    model_option,
    search_settings,
    warn_of_long_lines,
    workers_option,
)
from nmt.cli.options import option_fields, with_changes
from nmt.errors import UserError
from nmt.inference.options import TranslationOptions
from nmt.search import SearchConfig

if TYPE_CHECKING:
    from nmt.evaluation.bleu import Scores
    from nmt.evaluation.significance import Comparison

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("model", required=False, type=_FILE)
@click.option("--source", type=_FILE, help="Text that MODEL translates.")
@click.option("--hypothesis", type=_FILE, help="Translations to score, instead of MODEL and --source.")
@click.option("--reference", required=True, type=_FILE, help="The right translations, line by line.")
@click.option("--compare", type=_FILE, help="Other translations, tested against the first by paired bootstrap.")
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
    reference: Path,
    compare: Path | None,
    as_json: bool,
    search: Mapping[str, Any],
    translation: Mapping[str, Any],
    model_options: tuple[str, ...],
    workers: int | None,
    device: str,
) -> None:
    """Score translations against --reference: BLEU, chrF and TER by sacrebleu, and GLEU.

    Either MODEL and --source, which are translated first, or --hypothesis, a file of translations.
    Text is scored as it stands: cased, detokenised, with the signatures that make scores comparable.
    """
    from nmt.evaluation.bleu import check_lines, scores
    from nmt.text import read_lines

    given = {**search, **translation} | ({"model_option": model_options} if model_options else {})
    _check_inputs(model, source, hypothesis, given)
    references = list(read_lines(reference))
    other = None if compare is None else list(read_lines(compare))
    if other is not None:
        check_lines(other, references, str(compare))
    if hypothesis is not None:
        hypotheses, where = list(read_lines(hypothesis)), str(hypothesis)
    else:
        assert model is not None
        assert source is not None
        lines, where = list(read_lines(source)), str(source)
        check_lines(lines, references, where)  # before the work
        hypotheses = list(_translated(model, lines, search, translation, model_options, workers, device))
    measured = scores(hypotheses, references, where)
    compared = []
    if other is not None:
        from nmt.evaluation.significance import paired_bootstrap

        compared = paired_bootstrap(hypotheses, other, references)
    if as_json:
        report = measured.json()
        if compared:
            report["comparison"] = [comparison.json() for comparison in compared]
        sys.stdout.write(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    else:
        _show(measured, compared)


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


def _translated(
    model: Path,
    lines: list[str],
    search: Mapping[str, Any],
    translation: Mapping[str, Any],
    model_options: tuple[str, ...],
    workers: int | None,
    device: str,
) -> Iterator[str]:
    from nmt.inference.stream import translate_stream
    from nmt.inference.windows import WINDOW_LINES, windows

    bundle = load_model(model, device, workers, model_options)
    settings = search_settings(bundle, search)
    options = with_changes(TranslationOptions(), translation)
    cut = []
    groups = windows(lines, WINDOW_LINES)
    for number, line in enumerate(translate_stream(model, bundle, groups, settings, options, workers), 1):
        if line.chunks > 1:
            cut.append(number)
        yield line.text
    warn_of_long_lines(cut)


def _show(measured: Scores, compared: list[Comparison]) -> None:
    from rich.table import Table

    from nmt.cli.console import stdout_console

    console = stdout_console()
    table = Table("measure", "score", "details")
    for score in measured.all:
        table.add_row(score.name, f"{score.value:.1f}", score.details)
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
