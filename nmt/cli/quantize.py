"""`nmt quantize`."""

from __future__ import annotations

from pathlib import Path

import click

from nmt.cli.imported import refuse_existing


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace OUT if it is a model directory.")
def command(model: Path, out: Path, force: bool) -> None:
    """Convert the model directory MODEL to 8-bit weights in the directory OUT, a quarter of the size.

    OUT is used like MODEL; `nmt translate OUT` computes in int8. It loads faster and takes less memory than
    `nmt translate MODEL --precision int8`, which quantises MODEL at every start; the translations are the same.
    Every linear layer and embedding is quantised, with one scale per row. Only MODEL can be trained further.
    """
    refuse_existing(out, force)
    from nmt.pipeline.quantizing import quantize_model

    before, after = quantize_model(model, out)
    click.echo(f"The model is in {out}: {_megabytes(after)} of weights instead of {_megabytes(before)}")


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
