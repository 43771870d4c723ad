"""`nmt score`: log-probabilities of given translations, or of text under a language model."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmt.cli.arguments import path_option
from nmt.cli.inputs import check_one_dash, input_lines, input_name
from nmt.cli.model import Warned, device_option, load_model, model_option
from nmt.cli.options import option_fields, with_changes
from nmt.cli.watched import prints_to_file, watched_lines
from nmt.errors import UserError
from nmt.inference.options import OF_SEARCH, TranslationOptions
from nmt.options import Task

if TYPE_CHECKING:
    from nmt.inference.scoring import LineScore


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@path_option("--source", help="Text in the source language; -: standard input. Not for a language model.")
@path_option(
    "--target", required=True, help="Its translation, line by line, or text for a language model; -: standard input."
)
@click.option("--tokens", is_flag=True, help="Also print the log-probability of each piece, after a tab.")
@click.option(
    "--summary",
    is_flag=True,
    help="Print perplexity per token and per word, and bits per character, of the whole text on standard error at the "
    "end.",
)
@option_fields(TranslationOptions, "translation", skip=OF_SEARCH)
@model_option
@device_option
def command(
    model: Path,
    source: Path | None,
    target: Path,
    tokens: bool,
    summary: bool,
    translation: Mapping[str, Any],
    model_options: tuple[str, ...],
    device: str,
) -> None:
    """Print the natural log-probability of each line of --target, given the same line of --source.

    A language model reads no source. The end of the sentence counts as a token. Prints one line for each line of
    --target, in order. A blank line scores 0: its translation is certainly blank, and a language model is not asked.
    """
    from nmt.bundle import read_metadata
    from nmt.inference.scoring import score_lines

    check_source(read_metadata(model).task, source)
    check_one_dash((source, target))
    targets = Warned(input_lines(target), input_name(target))
    lines, texts, counted = tee(targets, 3)
    sources = Warned(("" for _ in counted) if source is None else input_lines(source), input_name(source or target))
    bundle = load_model(model, device, model_options=model_options)
    options = with_changes(TranslationOptions(), translation)
    scored = score_lines(bundle.model, bundle.tokenizers, sources, lines, options)
    shown = watched_lines(scored, "score", source or target) if prints_to_file() else scored
    total = _Total()
    for line, text in zip(shown, texts, strict=False):
        sys.stdout.write(_row(line, tokens) + "\n")
        if summary:
            total.add(line, text)
    sources.warn()
    targets.warn()
    if summary:
        sys.stdout.flush()
        click.echo(total.worded(), err=True)


def check_source(task: Task, source: Path | None) -> None:
    """Raises:
    UserError: a translation model is given no source, or a language model is given one.
    """
    if task == "translation" and source is None:
        raise UserError("--source", "the source text of --target", "nothing", "Only a language model has none.")
    if task == "language_model" and source is not None:
        raise UserError(
            "--source", "no source with a language model", str(source), "Leave it out: --target is the text."
        )


class _Total:
    """Totals over the lines; blank lines, which the model does not score, are not counted."""

    def __init__(self) -> None:
        from nmt.evaluation.measure import TokenTotals

        self._totals = TokenTotals()

    def add(self, line: LineScore, text: str) -> None:
        """Adds a line and its score."""
        if line.token_log_probabilities:
            self._totals = replace(
                self._totals.with_text([text]),
                tokens=self._totals.tokens + len(line.token_log_probabilities),
                log_probability=self._totals.log_probability + line.log_probability,
            )

    def worded(self) -> str:
        """`perplexity 21.30, word perplexity 40.12, bits per character 1.402; 1,014 lines, 14,210 tokens`."""
        from nmt.evaluation.measure import Outcome
        from nmt.evaluation.measures import MEASURES, OF_LANGUAGE_MODELS

        totals = self._totals
        sizes = f"{totals.lines:,} lines, {totals.tokens:,} tokens"
        if not totals.tokens:
            return sizes
        measures = [MEASURES[name] for name in OF_LANGUAGE_MODELS]
        values = (f"{one.label} {one.score(Outcome(totals=totals)).value:.{one.decimals}f}" for one in measures)
        return f"{', '.join(values)}; {sizes}"


def _row(line: LineScore, tokens: bool) -> str:
    row = f"{line.log_probability:.4f}"
    if tokens:
        pieces = zip((*line.pieces, "</s>"), line.token_log_probabilities, strict=False)  # a blank line has none
        row += "\t" + " ".join(f"{piece}:{value:.4f}" for piece, value in pieces)
    return row
