"""`nmt import fairseq`: a checkpoint of fairseq becomes a model directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from nmt.cli.imported import refuse_existing, save_imported
from nmt.cli.options import option_fields
from nmt.search.options import BeamSearch

HELP = """Turn a fairseq CHECKPOINT into the model directory OUT, which translates raw text as fairseq does.

Transformer, fconv and lstm models of the translation task. The file is read as data: nothing in it is run. Anything
that nmt would compute otherwise than fairseq is refused by its name, and every weight must find its place.

\b
The published WMT19 English-German model, from download to translation:
  curl -LO https://dl.fbaipublicfiles.com/fairseq/models/wmt19.en-de.joined-dict.single_model.tar.gz
  tar xzf wmt19.en-de.joined-dict.single_model.tar.gz
  nmt import fairseq wmt19.en-de.joined-dict.single_model/model.pt \\
    --dictionaries wmt19.en-de.joined-dict.single_model \\
    --tokenizer moses --bpe fastbpe wmt19-en-de
  echo "Machine learning is great, isn't it?" | nmt translate wmt19-en-de

\b
What the flags must say is how the training text was made:
  wmt19                     --tokenizer moses --bpe fastbpe
  wmt14, wmt16, wmt17 conv  --tokenizer moses --bpe subword_nmt
  wmt20                     --bpe sentencepiece
Newer checkpoints may know themselves; then the flags can be left out.
"""

file_option = click.Path(path_type=Path, dir_okay=False)


@click.command(name="fairseq", help=HELP)
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "--dictionaries", required=True, type=click.Path(path_type=Path), help="Folder with dict.SRC.txt and dict.TGT.txt."
)
@click.option(
    "--bpe",
    type=click.Choice(["none", "sentencepiece", "subword_nmt", "fastbpe"]),
    help="Subword units of the dictionary; none: whole words.  [default: what the checkpoint says]",
)
@click.option(
    "--bpe-codes", type=file_option, help="Merges for subword_nmt and fastbpe.  [default: bpecodes or code beside]"
)
@click.option(
    "--sentencepiece-model",
    type=file_option,
    help="For --bpe sentencepiece.  [default: sentencepiece.bpe.model or spm.model beside the dictionaries]",
)
@click.option(
    "--tokenizer",
    type=click.Choice(["none", "moses"]),
    help="moses: raw text in and out; none: words stand between blanks.  [default: what the checkpoint says]",
)
@click.option(
    "--moses-no-dash-splits", is_flag=True, help="For text tokenised without Moses' -a (IWSLT's usually was)."
)
@click.option("--moses-no-escape", is_flag=True, help="For text without &apos; and the like.")
@click.option("--source-language", help="Where the checkpoint does not tell: the SRC of dict.SRC.txt.")
@click.option("--target-language", help="Likewise, TGT.")
@click.option(
    "--architecture",
    type=click.Choice(["transformer", "fconv", "lstm"]),
    help="What a model is whose --arch is of your own (--user-dir) and only gives other sizes.",
)
@option_fields(BeamSearch, "search", defaults_from="fairseq-generate's", skip=("token_margin", "finished_margin"))
@click.option("--force", is_flag=True, help="Replace OUT if it is a model directory already.")
@click.argument("out", type=click.Path(path_type=Path))
def command(
    checkpoint: Path,
    out: Path,
    architecture: str | None,
    force: bool,
    search: Mapping[str, Any],
    **text: Any,  # noqa: ANN401 -- the fields of TextChoices
) -> None:
    """Turn a fairseq checkpoint into a model directory."""
    from nmt.interop.fairseq.importing import import_checkpoint
    from nmt.interop.fairseq.text import TextChoices

    refuse_existing(out, force)
    bundle = import_checkpoint(checkpoint, TextChoices(**text), architecture)
    save_imported(out, bundle, search)
