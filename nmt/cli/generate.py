"""`nmt generate`: samples lines from a language model."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from nmt.cli.model import device_option, load_model, model_option
from nmt.cli.options import option_fields, with_changes
from nmt.search import Sampling


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--lines", type=click.IntRange(min=1), default=10, show_default=True, help="Number of lines.")
@click.option("--prompt", default="", metavar="TEXT", help="Beginning of every line.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=None,
    help="Random seed: the same seed gives the same lines.  [default: the model's recipe]",
)
@click.option(
    "--max-tokens",
    type=click.IntRange(min=1),
    default=None,
    help="Largest number of tokens in a line, without the prompt.  [default: the model's recipe]",
)
@option_fields(
    Sampling,
    "sampling",
    skip=("seed", "max_length_factor", "max_length_offset", "n_best"),
    defaults_from="the model's recipe",
)
@model_option
@device_option
def command(
    model: Path,
    lines: int,
    prompt: str,
    seed: int | None,
    max_tokens: int | None,
    sampling: Mapping[str, Any],
    model_options: tuple[str, ...],
    device: str,
) -> None:
    """Print lines sampled from the language model MODEL.

    MODEL is a model directory or a run folder.
    """
    from nmt.bundle import check_task, read_metadata

    check_task(read_metadata(model), "language_model", str(model), "`nmt translate` is for translation models.")
    bundle = load_model(model, device, model_options=model_options)
    from nmt.inference.generating import generated_lines
    from nmt.inference.own_search import own_sampling

    changes = {"seed": seed, "max_length_offset": max_tokens}
    given = {**sampling, **{name: value for name, value in changes.items() if value is not None}}
    settings = with_changes(own_sampling(bundle.recipe), given)
    for line in generated_lines(bundle.model, bundle.tokenizers.target, lines, settings, prompt):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
