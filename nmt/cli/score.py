"""`nmt score`: how probable a model finds given translations."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmt.cli.model import device_option, load_model, model_option, reader_may_leave
from nmt.cli.options import option_fields, with_changes
from nmt.inference.options import TranslationOptions

if TYPE_CHECKING:
    from nmt.inference.scoring import LineScore


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--source", required=True, type=click.Path(path_type=Path), help="Text in the source language.")
@click.option("--target", required=True, type=click.Path(path_type=Path), help="Its translation, line by line.")
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

    The end of the sentence counts as a token. One line out for each pair, in order.
    """
    from nmt.inference.scoring import score_lines
    from nmt.text import read_lines

    bundle = load_model(model, device, model_options=model_options)
    options = with_changes(TranslationOptions(), translation)
    scored = score_lines(bundle.model, bundle.tokenizers, read_lines(source), read_lines(target), options)
    with reader_may_leave():
        for line in scored:
            sys.stdout.write(_row(line, tokens) + "\n")


def _row(line: LineScore, tokens: bool) -> str:
    row = f"{line.log_probability:.4f}"
    if tokens:
        pieces = zip((*line.pieces, "</s>"), line.token_log_probabilities, strict=True)
        row += "\t" + " ".join(f"{piece}:{value:.4f}" for piece, value in pieces)
    return row
