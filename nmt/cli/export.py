"""`nmt export`: model directories become models of other toolkits."""

from __future__ import annotations

from pathlib import Path

import click

from nmt.cli.imported import refuse_existing


@click.group(name="export")
def command() -> None:
    """Turn a model directory into a model of another toolkit."""


@command.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--quantization",
    default="none",
    show_default=True,
    help="How the weights are stored: none (float32), int8, int8_float32, bfloat16, float16, int16, …",
)
@click.option("--force", is_flag=True, help="Replace OUT if it is a CTranslate2 model already.")
@click.argument("out", type=click.Path(path_type=Path))
def ctranslate2(model: Path, out: Path, quantization: str, force: bool) -> None:
    """Turn the Transformer in the directory MODEL into the directory OUT, which CTranslate2 loads."""
    from nmt.interop.ctranslate2_export import MODEL_FILE, export_ctranslate2

    refuse_existing(out, force, MODEL_FILE)
    export_ctranslate2(model, out, None if quantization == "none" else quantization)
    click.echo(f"The model is in {out}")
