"""`nmt export`: converts a model directory to a model of another toolkit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from nmt.cli.imported import refuse_existing

HELP = """Convert the Transformer in the directory MODEL to a CTranslate2 model in the directory OUT.

CTranslate2 is OpenNMT's C++ inference engine. OUT contains its model.bin, config.json and vocabularies, and the
tokenizer of MODEL. Pass sources as pieces; CTranslate2 adds the end of sentence. Needs
`pip install 'nmt-toolkit[export]'`.

\b
For equal translations, use the same search in both:
  nmt translate MODEL --beam 5 --length-normalization power --length-penalty 1 --coverage-penalty 0 \\
    --early-stopping --min-length 1 --max-length-factor 0 --max-length-offset 256
  translator.translate_batch(pieces, beam_size=5)
"""


@click.group(name="export")
def command() -> None:
    """Convert a model directory to a model of another toolkit."""


@command.command(help=HELP)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--quantization",
    default="none",
    show_default=True,
    metavar="TYPE",
    help="Storage type of the weights: none (float32), int8, int8_float32, int16, float16, bfloat16, …",
)
@click.option("--force", is_flag=True, help="Replace OUT if it is a CTranslate2 model.")
@click.argument("out", type=click.Path(path_type=Path))
def ctranslate2(model: Path, out: Path, quantization: str, force: bool) -> None:
    """Convert a Transformer to a CTranslate2 model."""
    from nmt.bundle import check_task, read_metadata
    from nmt.interop.ctranslate2.export import MODEL_FILE, export_ctranslate2

    check_task(read_metadata(model), "translation", str(model), "Only translation Transformers can be exported.")
    refuse_existing(out, force, MODEL_FILE)
    export_ctranslate2(model, out, None if quantization == "none" else quantization)
    click.echo("\n".join(_python(model, out)))


def _python(model: Path, out: Path) -> list[str]:
    """A Python program that translates a line with the exported model."""
    from nmt.bundle import TOKENIZER, read_metadata, read_recipe
    from nmt.search.options import BeamSearch
    from nmt.tokenizer.folder import read_description

    line = f"A line of {read_metadata(model).source_language}."
    beam = read_recipe(model).get("search", {}).get("beam", BeamSearch().beam)
    tokenizers = read_description(out / TOKENIZER)
    load = f"translator = ctranslate2.Translator({str(out)!r})"
    if not all(_is_plain(tokenizer["options"]) for tokenizer in tokenizers.values()):
        return [
            "# this tokenizer needs nmt",
            "import ctranslate2, pathlib, nmt.tokenizer, nmt.interop.ctranslate2",
            f"tokenizers = nmt.tokenizer.load_tokenizers(pathlib.Path({str(out / TOKENIZER)!r}))",
            "source, target = (nmt.interop.ctranslate2.piece_names(side) "
            "for side in (tokenizers.source, tokenizers.target))",
            load,
            f"pieces = [source[token] for token in tokenizers.source.encode({line!r})]",
            f"best = translator.translate_batch([pieces], beam_size={beam})[0].hypotheses[0]",
            "print(tokenizers.target.decode([target.index(piece) for piece in best]))",
        ]
    source, target = (
        f"sentencepiece.SentencePieceProcessor({str(out / TOKENIZER / f'{side}.model')!r})"
        for side in (("joint", "joint") if "joint" in tokenizers else ("source", "target"))
    )
    both = f"source = target = {source}" if source == target else f"source, target = {source}, {target}"
    return [
        "import ctranslate2, sentencepiece",
        both,
        load,
        f"pieces = source.encode({line!r}, out_type=str)",
        f"print(target.decode(translator.translate_batch([pieces], beam_size={beam})[0].hypotheses[0]))",
    ]


def _is_plain(options: Mapping[str, Any]) -> bool:
    """Whether SentencePiece alone segments text as this tokenizer does."""
    return bool(options["kind"] == "sentencepiece" and options.get("apostrophes", "keep") == "keep")
