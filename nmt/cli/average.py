"""`nmt average`."""

from __future__ import annotations

from pathlib import Path

import click

from nmt.cli.arguments import path_option
from nmt.cli.imported import refuse_existing


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="MODEL...")
@path_option("-o", "--output", required=True, help="Model directory to write.")
@path_option(
    "--like",
    help="Model directory with the architecture and tokenizer of bare weights files.  [default: model/ of their run]",
)
@click.option("--force", is_flag=True, help="Replace OUTPUT if it is a model directory.")
def command(inputs: tuple[Path, ...], output: Path, like: Path | None, force: bool) -> None:
    """Average the weights of several models of the same architecture into one model.

    A MODEL is a model directory, a run folder, a weights file of a training, or a folder of weights files. Give the
    oldest first:

    \b
    nmt average runs/multi30k_en_de/transformer_tiny/train/checkpoints -o averaged
    nmt average seed1/model seed1_continued/model -o averaged

    Average weights of one training, or of trainings that continued from the same weights; the mean of independent
    trainings is useless. (`nmt run` already averages the last checkpoints of a training:
    training.average_checkpoints.)
    """
    refuse_existing(output, force)
    from nmt.pipeline.averaging import average_models

    average_models(inputs, output, like)
    click.echo(f"The model is in {output}")
