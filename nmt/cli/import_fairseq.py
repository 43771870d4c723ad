"""`nmt import fairseq`: converts a fairseq checkpoint to a model directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from nmt.cli.imported import refuse_existing, save_imported
from nmt.cli.options import option_fields
from nmt.search.options import BeamSearch

HELP = """Convert a fairseq CHECKPOINT to the model directory OUT, which translates raw text as fairseq does.

Supports transformer, fconv and lstm models of the translation task. The file is read as data; no code in it is run.
A setting that nmt would compute differently from fairseq is refused by name, and every weight must be used.

\b
The published WMT19 English-German model, from download to translation:
  curl -LO https://dl.fbaipublicfiles.com/fairseq/models/wmt19.en-de.joined-dict.single_model.tar.gz
  tar xzf wmt19.en-de.joined-dict.single_model.tar.gz
  nmt import fairseq wmt19.en-de.joined-dict.single_model/model.pt \\
    --dictionaries wmt19.en-de.joined-dict.single_model \\
    --tokenizer moses --bpe fastbpe wmt19-en-de
  echo "Machine learning is great, isn't it?" | nmt translate wmt19-en-de

\b
The flags must match the preprocessing of the training text:
  wmt19                     --tokenizer moses --bpe fastbpe
  wmt14, wmt16, wmt17 conv  --tokenizer moses --bpe subword_nmt
  wmt20                     --bpe sentencepiece
Newer checkpoints may record it; then the flags can be left out.
"""

file_option = click.Path(path_type=Path, dir_okay=False)


@click.command(name="fairseq", help=HELP)
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "--dictionaries",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder that contains dict.SRC.txt and dict.TGT.txt.",
)
@click.option(
    "--bpe",
    type=click.Choice(["none", "sentencepiece", "subword_nmt", "fastbpe"]),
    help="Subword units of the dictionary; none: whole words.  [default: as recorded in the checkpoint]",
)
@click.option(
    "--bpe-codes",
    type=file_option,
    help="Merges for subword_nmt and fastbpe.  [default: bpecodes or code, next to the dictionaries]",
)
@click.option(
    "--sentencepiece-model",
    type=file_option,
    help="For --bpe sentencepiece.  [default: sentencepiece.bpe.model or spm.model, next to the dictionaries]",
)
@click.option(
    "--tokenizer",
    type=click.Choice(["none", "moses"]),
    help="moses: raw text in and out; none: words separated by blanks.  [default: as recorded in the checkpoint]",
)
@click.option("--moses-no-dash-splits", is_flag=True, help="For text tokenised without Moses' -a (IWSLT usually was).")
@click.option("--moses-no-escape", is_flag=True, help="For text without escapes such as &apos;.")
@click.option("--source-language", help="SRC of dict.SRC.txt, if the checkpoint does not record it.")
@click.option("--target-language", help="TGT of dict.TGT.txt, likewise.")
@click.option(
    "--architecture",
    type=click.Choice(["transformer", "fconv", "lstm"]),
    help="Base architecture of a model whose own --arch (--user-dir) only sets other sizes.",
)
@option_fields(BeamSearch, "search", defaults_from="fairseq-generate's", skip=("token_margin", "finished_margin"))
@click.option("--force", is_flag=True, help="Replace OUT if it is a model directory.")
@click.argument("out", type=click.Path(path_type=Path))
def command(
    checkpoint: Path,
    out: Path,
    architecture: str | None,
    force: bool,
    search: Mapping[str, Any],
    **text: Any,  # noqa: ANN401 -- the fields of TextChoices
) -> None:
    """Convert a fairseq checkpoint to a model directory."""
    from nmt.interop.fairseq.importing import import_checkpoint
    from nmt.interop.fairseq.text import TextChoices

    refuse_existing(out, force)
    bundle = import_checkpoint(checkpoint, TextChoices(**text), architecture)
    save_imported(out, bundle, search)
