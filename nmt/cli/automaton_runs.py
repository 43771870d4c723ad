"""`nmt automaton --runs`: prints the most probable runs of the stacks of a model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.cli.inputs import STANDARD, input_name
from nmt.cli.model import load_model, read_whole
from nmt.output import write_atomically

if TYPE_CHECKING:
    from nmt.inference.extraction.runs import LayerRun
    from nmt.nn.pushdown.runs import Move


@dataclass(frozen=True)
class _Step:
    """A token and what it does to the stack."""

    token: str
    move: str
    state: int
    stack: tuple[int, ...]
    """The bottom first."""


def print_runs(model: Path, strings: Path | None, as_json: Path | None, device: str) -> None:
    """Prints the most probable run of each layer with a stack on each string.

    Args:
        model: the model's directory.
        strings: a file of strings, one a line; None: standard input.
        as_json: a file to write the runs to, too.
        device: value of --device.

    Raises:
        UserError: the model has no such layer, or a string has an unknown symbol.
    """
    path = strings or STANDARD
    with write_atomically(as_json) if as_json else nullcontext() as file:
        lines, bundle = read_whole(path), load_model(model, device)
        from nmt.inference.extraction.alphabet import read_strings
        from nmt.inference.extraction.runs import RunReader

        reader = RunReader(bundle.model, bundle.metadata.task, str(model))
        tokenizers = bundle.tokenizers
        tokenizer = tokenizers.source if bundle.metadata.task == "translation" else tokenizers.target
        values = []
        for string in read_strings(tokenizer, lines, None, input_name(path)).strings:
            for found in reader.read(string):
                steps = list(_steps(found, tokenizer.pieces(found.tokens)))
                share = None if found.run is None else found.run.share
                _print(" ".join(tokenizer.pieces(string)), found.layer, share, steps)
                values.append(_values(tokenizer.pieces(string), found.layer, share, steps))
        if file is not None:
            file.write(json.dumps({"model": str(model), "runs": values}, indent=2, ensure_ascii=False) + "\n")


def _steps(found: LayerRun, pieces: list[str]) -> Iterator[_Step]:
    stack: tuple[int, ...] = (0,)  # the bottom
    for piece, move in zip(pieces, found.run.moves if found.run else (), strict=False):
        words, stack = _moved(move, stack)
        yield _Step(piece, words, move.state, stack)


def _moved(move: Move, stack: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """A move in words, and the stack after it."""
    match move.kind:
        case "push":
            return f"push {move.symbol}", (*stack, move.symbol)
        case "replace":
            return f"replace {stack[-1]} by {move.symbol}", (*stack[:-1], move.symbol)
        case "pop":
            return f"pop {stack[-1]}", stack[:-1]


def _values(string: list[str], layer: str, share: float | None, steps: list[_Step]) -> dict[str, Any]:
    moves = [{"token": step.token, "move": step.move, "state": step.state, "stack": list(step.stack)} for step in steps]
    return {"string": string, "layer": layer, "share": share, "moves": moves}


def _print(string: str, layer: str, share: float | None, steps: list[_Step]) -> None:
    from rich.table import Table

    from nmt.cli.console import stdout_console

    console = stdout_console()
    if share is None:
        console.print(f"{layer}: no run on {string!r}\n")
        return
    console.print(f"{layer}: the most probable run on {string!r} has {share:.1%} of the weight of all runs")
    table = Table("token", "move", "state", "stack", box=None, pad_edge=False)
    for step in steps:
        table.add_row(step.token, step.move, str(step.state), " ".join(map(str, step.stack)))
    console.print(table)
    console.print()
