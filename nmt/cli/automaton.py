"""`nmt automaton`: the finite automaton of a state-regularised cell, or the runs of a nondeterministic stack."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click
from click.core import ParameterSource

from nmt.automata.drawing import as_dot, as_png, check_drawable
from nmt.cli.arguments import path_option
from nmt.cli.automaton_runs import print_runs
from nmt.cli.inputs import input_name
from nmt.cli.model import device_option, load_model, read_whole
from nmt.errors import UserError
from nmt.output import write_atomically, write_bytes_atomically

if TYPE_CHECKING:
    from nmt.inference.extraction.extract import Method
    from nmt.inference.extraction.report import Report

_MOST_SHOWN = 20
"""Most states and most symbols of an automaton that is printed."""


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--runs",
    is_flag=True,
    help="For a model with a nondeterministic stack: print, token by token, the most probable run of its pushdown "
    "automaton on each of the --strings: push, replace or pop, the state, and the stack, whose bottom is the first "
    "symbol.  [default of --strings: standard input]",
)
@click.option(
    "--symbols",
    default=None,
    metavar="TEXT",
    help="The alphabet, separated by spaces, as in '0 1'.  [default: the symbols in --strings, else all symbols of the "
    "model's vocabulary]",
)
@click.option(
    "--method",
    type=click.Choice(("count", "query")),
    default="count",
    show_default=True,
    help="count: take the most frequent transitions while the model reads strings. query: ask the cell for the "
    "successor of each centroid on each symbol; not for LSTMs, whose memory is no part of the states.",
)
@path_option(
    "--strings",
    help="Strings, one a line, in which to count transitions and on which to compare answers; a right answer after a "
    "tab in each line gives accuracies; -: standard input.  [default: all short strings and random ones of up to 200 "
    "symbols; the random ones that are compared are not those that are counted]",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Random seed of the default strings."
)
@path_option("--dot", help="Write the minimal automaton in the language of Graphviz' dot.")
@path_option("--png", help="Draw the minimal automaton; needs the program dot of Graphviz.")
@path_option("--json", "as_json", help="Write the report and the minimal automaton, or the runs, as JSON.")
@device_option
def command(
    model: Path,
    runs: bool,
    symbols: str | None,
    method: str,
    strings: Path | None,
    seed: int,
    dot: Path | None,
    png: Path | None,
    as_json: Path | None,
    device: str,
) -> None:
    """Extract the automaton of MODEL, make it minimal, and compare its answers with the model's.

    MODEL is a model directory or a run folder. It must have a single layer, with a cell of kind state_regularized: a
    decoder_only model, whose answer is the first token of the translation, or a recurrent_lm, whose answer is the most
    probable continuation. The states are the centroids of the cell, and one more before the first symbol.

    With --runs, MODEL is any model with layers of kind nondeterministic_stack that read the strings: a recurrent_lm or
    decoder_only, or in the encoder of luong or gnmt. Nothing is extracted.
    """
    if runs:
        _refuse_with_runs(click.get_current_context())
        print_runs(model, strings, as_json, device)
        return
    if png is not None:
        check_drawable("--png")
    with ExitStack() as files:  # a path that cannot be written to is noticed before the work
        texts = [files.enter_context(write_atomically(path)) if path else None for path in (dot, as_json)]
        picture = files.enter_context(write_bytes_atomically(png)) if png else None
        report = _report(model, symbols, cast("Method", method), strings, seed, device)
        drawing = as_dot(report.minimal)
        values = {"model": str(model), **report.values()}
        for file, text in zip(texts, (drawing, json.dumps(values, indent=2, ensure_ascii=False) + "\n"), strict=True):
            if file is not None:
                file.write(text)
        if picture is not None:
            picture.write(as_png(drawing))
    _show(report)


def _refuse_with_runs(context: click.Context) -> None:
    for name in ("symbols", "method", "seed", "dot", "png"):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise UserError(
                "--runs", f"no --{name}, which is for automata that are extracted", "both", "Leave out one."
            )


def _report(model: Path, symbols: str | None, method: Method, strings: Path | None, seed: int, device: str) -> Report:
    lines = None if strings is None else read_whole(strings)
    bundle = load_model(model, device)
    from nmt.inference.extraction.alphabet import alphabet, named_alphabet, read_strings, whole_alphabet
    from nmt.inference.extraction.reader import SymbolReader
    from nmt.inference.extraction.report import extracted

    reader = SymbolReader(bundle.model, bundle.metadata.task, str(model))
    tokenizer = bundle.tokenizers.target
    known = None if symbols is None else named_alphabet(tokenizer, symbols, "--symbols")
    given = None
    if strings is not None and lines is not None:
        given = read_strings(tokenizer, lines, known, input_name(strings))
        known = known or alphabet(tokenizer, sorted({token for string in given.strings for token in string}))
    if known is None:
        known = whole_alphabet(tokenizer)
        if bundle.metadata.task == "translation":
            what = f"all symbols of the vocabulary, answers too ({_listed(known.names)})"
            click.echo(f"nmt: warning: the automaton reads {what}; name those of sources with --symbols", err=True)
    return extracted(reader, known, method, given, seed)


def _listed(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _show(report: Report) -> None:
    """Prints the report and, if it is small enough to be read, the minimal automaton."""
    from rich.table import Table

    from nmt.cli.console import stdout_console

    console, table = stdout_console(), Table(show_header=False, box=None, pad_edge=False)
    for row in _rows(report):
        table.add_row(*row)
    console.print(table)
    minimal = report.minimal
    if len(minimal) <= _MOST_SHOWN and len(minimal.symbols) <= _MOST_SHOWN:
        states = Table("state", "answer", *minimal.symbols, box=None, pad_edge=False)
        for number, (output, after) in enumerate(zip(minimal.outputs, minimal.successors, strict=True)):
            states.add_row(str(number), output, *map(str, after))
        console.print()
        console.print(states)


def _rows(report: Report) -> Iterator[tuple[str, str]]:
    agreement, minimal = report.agreement, report.minimal
    yield "states reached", f"{len(report.extraction.automaton)} (of {report.centroids} centroids and the start)"
    yield "states after minimising", str(len(minimal))
    unseen = report.extraction.unseen
    yield "transitions", f"{report.transitions}" + (f" ({unseen} before minimising were not seen)" if unseen else "")
    yield "agreement with the model", _share(agreement.equal, agreement.strings)
    for answer, (equal, strings) in agreement.by_answer.items():
        yield f"  where it answers {answer}", _share(equal, strings)
    if agreement.right is not None:
        model, automaton = agreement.right
        yield "accuracy of the model", _share(model, agreement.strings)
        yield "accuracy of the automaton", _share(automaton, agreement.strings)
    yield "mean largest weight", f"{agreement.mean_largest_weight:.4f}"
    yield "centroids used", f"{agreement.used_centroids} (entropy {agreement.usage_entropy:.2f} bits)"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%} ({part:,} of {whole:,})"
