"""`nmt translate`: translates text line by line."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmt.cli.arguments import path_option
from nmt.cli.inputs import STANDARD
from nmt.cli.model import (
    Warned,
    device_option,
    load_model,
    model_option,
    search_settings,
    warn_of_long_lines,
    warn_of_lost_context,
    workers_option,
)
from nmt.cli.options import option_fields, with_changes
from nmt.cli.outputs import destination
from nmt.cli.streams import standard_input
from nmt.cli.typed import is_typed, typed_lines
from nmt.cli.watched import prints_to_file, watched_lines
from nmt.errors import UserError
from nmt.inference.options import TranslationOptions
from nmt.search import SearchConfig

if TYPE_CHECKING:
    from nmt.bundle import Bundle
    from nmt.inference.translator import Translation


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("input_file", metavar="[INPUT]", required=False, type=click.Path(path_type=Path))
@path_option(
    "-o",
    "--output",
    help="File for the translations, which appears once complete; compressed if its name ends in .gz, .bz2 or .xz. "
    "-: standard output, the default.",
)
@click.option("--scores", is_flag=True, help="Print the score and a tab before each translation.")
@option_fields(SearchConfig, "search", defaults_from="the model's recipe")
@option_fields(TranslationOptions, "translation")
@model_option
@workers_option
@device_option
def command(
    model: Path,
    input_file: Path | None,
    output: Path | None,
    scores: bool,
    search: Mapping[str, Any],
    translation: Mapping[str, Any],
    model_options: tuple[str, ...],
    workers: int | None,
    device: str,
) -> None:
    """Translate INPUT, or standard input (also as -), line by line.

    MODEL is a model directory or a run folder. N input lines give N output lines, in order; a blank line stays blank.
    INPUT may be compressed (gzip, bzip2, xz). With --n-best above 1 each input line gives several output lines of
    three tab-separated fields: line number, score and translation.

    With --documents, blank lines separate documents, and each sentence is translated with those before it in its
    document. A document is translated once its blank line, or the end of INPUT, has been read.
    """
    from nmt.bundle import check_task, read_metadata

    if translation.get("documents") and scores:
        expected = "no --documents, with which sentences are translated together and have no scores of their own"
        raise UserError("--scores", expected, "both")
    instead = "Use `nmt score MODEL --target FILE` for probabilities of lines, `nmt generate MODEL` to write lines."
    input_file, output = (None if path == STANDARD else path for path in (input_file, output))
    # Errors in input or output show at once, before the model is loaded.
    lines = Warned(_lines(input_file), str(input_file or "standard input"))
    with destination(output) as handle:
        check_task(read_metadata(model), "translation", str(model), instead)
        bundle = load_model(model, device, workers, model_options)
        settings = search_settings(bundle, search)
        options = _with_fastest(with_changes(TranslationOptions(), translation), bundle)
        found = _translated(model, bundle, lines, input_file, settings, options, workers)
        long, lost = list[int](), list[int]()
        typed = input_file is None and sys.stdin.isatty()
        if (output is not None or prints_to_file()) and not typed:
            found = watched_lines(found, "translate", input_file)
        for number, line in enumerate(found, 1):
            if line.too_long:
                long.append(number)
            if line.out_of_context:
                lost.append(number)
            for text in _rows(number, line, scores, settings.n_best):
                handle.write(text + "\n")
            if output is None:
                handle.flush()
    warn_of_long_lines(long)
    warn_of_lost_context(lost)
    lines.warn()


def _lines(input_file: Path | None) -> Iterator[str]:
    """The lines of the file, or of standard input; the first line of a file is read at once, to find errors early."""
    from itertools import chain, islice

    from nmt.text import read_lines

    if input_file is None:
        return read_lines(standard_input())
    lines = read_lines(input_file)
    return chain(list(islice(lines, 1)), lines)


def _translated(
    model: Path,
    bundle: Bundle,
    lines: Iterable[str],
    input_file: Path | None,
    search: SearchConfig,
    options: TranslationOptions,
    workers: int | None,
) -> Iterator[Translation]:
    from nmt.inference.stream import translate_stream
    from nmt.inference.windows import WINDOW_LINES, arriving, windows

    if input_file is None and sys.stdin.isatty():
        what = "the sentences of a document and a blank line" if options.documents else "a sentence and press Enter"
        click.echo(f"Type {what}; Ctrl-D ends.", err=True)
    if input_file is not None:
        groups: Iterator[Sequence[str]] = windows(lines, WINDOW_LINES)
    else:
        groups = typed_lines() if is_typed() else arriving(lines, WINDOW_LINES)
    return translate_stream(model, bundle, groups, search, options, workers)


def _with_fastest(options: TranslationOptions, bundle: Bundle) -> TranslationOptions:
    """The options with precision "auto" resolved and reported."""
    if options.precision != "auto":
        return options
    from nmt.inference.precision import fastest_precision

    chosen = fastest_precision(bundle.model)
    click.echo(f"nmt: computing in {chosen}, the fastest here", err=True)
    return options.model_copy(update={"precision": chosen})


def _rows(number: int, translation: Translation, scores: bool, n_best: int) -> Iterator[str]:
    """Output rows of one input line."""
    if n_best > 1:
        for alternative in translation.n_best:
            yield f"{number}\t{alternative.score:.4f}\t{alternative.text}"
    elif scores:
        yield f"{translation.score:.4f}\t{translation.text}"
    else:
        yield translation.text
