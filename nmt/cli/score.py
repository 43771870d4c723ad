"""`nmt score`: how probable a model finds given translations."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmt.cli.arguments import path_option
from nmt.cli.inputs import check_one_dash, input_lines, input_name
from nmt.cli.model import Warned, device_option, load_model, model_option
from nmt.cli.options import option_fields, with_changes
from nmt.cli.watched import prints_to_file, watched_lines
from nmt.inference.options import TranslationOptions

if TYPE_CHECKING:
    from nmt.inference.scoring import LineScore


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@path_option("--source", required=True, help="Text in the source language; -: standard input.")
@path_option("--target", required=True, help="Its translation, line by line; -: standard input.")
@click.option("--tokens", is_flag=True, help="Also the log-probability of each piece, after a tab.")
@option_fields(TranslationOptions, "translation")
@model_option
@device_option
def command(
    model: Path,
    source: Path,
    target: Path,
    tokens: bool,
    translation: Mapping[str, Any],
    model_options: tuple[str, ...],
    device: str,
) -> None:
    """Print the natural log of the probability of each line of --target, given that of --source.

    The end of the sentence counts as a token. One line out for each pair, in order. A blank line is translated by a
    blank one with certainty: 0.
    """
    from nmt.inference.scoring import score_lines

    check_one_dash((source, target))
    sources, targets = (Warned(input_lines(path), input_name(path)) for path in (source, target))
    bundle = load_model(model, device, model_options=model_options)
    options = with_changes(TranslationOptions(), translation)
    scored = score_lines(bundle.model, bundle.tokenizers, sources, targets, options)
    for line in watched_lines(scored, "score", source) if prints_to_file() else scored:
        sys.stdout.write(_row(line, tokens) + "\n")
    sources.warn()
    targets.warn()


def _row(line: LineScore, tokens: bool) -> str:
    row = f"{line.log_probability:.4f}"
    if tokens:
        pieces = zip((*line.pieces, "</s>"), line.token_log_probabilities, strict=False)  # a blank line has none
        row += "\t" + " ".join(f"{piece}:{value:.4f}" for piece, value in pieces)
    return row
