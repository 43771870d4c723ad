"""`nmt import marian`: converts an OPUS-MT model in Hugging Face's layout to a model directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from nmt.cli.imported import refuse_existing, save_imported
from nmt.cli.options import option_fields
from nmt.search.options import BeamSearch

HELP = """Convert the MarianMT model in DIRECTORY to the model directory OUT, which translates as transformers does.

DIRECTORY contains an OPUS-MT model as on Hugging Face's hub: config.json, vocab.json, source.spm, target.spm,
model.safetensors or pytorch_model.bin, and optionally generation_config.json and tokenizer_config.json. A
pytorch_model.bin is read as data; no code in it is run. A setting that nmt would compute differently is refused by
name, and every weight must be used.

\b
From download to translation:
  git clone https://huggingface.co/Helsinki-NLP/opus-mt-en-de        (with git-lfs)
  nmt import marian opus-mt-en-de en-de
  echo "Where is the station?" | nmt translate en-de

\b
A model with several target languages needs the language at the start of each line:
  echo ">>fra<< Where is the station?" | nmt translate en-roa
"""


@click.command(name="marian", help=HELP)
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--source-language", help="Language code.  [default: source_lang of tokenizer_config.json]")
@click.option("--target-language", help="Language code.  [default: target_lang of tokenizer_config.json]")
@option_fields(BeamSearch, "search", defaults_from="the model's", skip=("token_margin", "finished_margin"))
@click.option("--force", is_flag=True, help="Replace OUT if it is a model directory.")
@click.argument("out", type=click.Path(path_type=Path))
def command(
    directory: Path,
    out: Path,
    force: bool,
    search: Mapping[str, Any],
    source_language: str | None,
    target_language: str | None,
) -> None:
    """Convert a MarianMT model to a model directory."""
    from nmt.interop.marian.importing import import_marian

    refuse_existing(out, force)
    bundle = import_marian(directory, source_language, target_language)
    save_imported(out, bundle, search)
