"""Shared by the commands that use a model directory: device, search settings, and warnings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmt.cli.inputs import input_lines, input_name
from nmt.cli.options import with_changes
from nmt.errors import UserError
from nmt.imports import quick_imports
from nmt.text import REPLACEMENT

if TYPE_CHECKING:
    from nmt.bundle import Bundle
    from nmt.search import SearchConfig

device_option = click.option(
    "--device", default="auto", help="Device to compute on: cpu, cuda, cuda:1 …  [default: auto, a GPU if available]"
)

workers_option = click.option(
    "--workers",
    type=click.IntRange(min=0),
    default=None,
    help="Number of single-threaded worker processes; 0 or 1: none.  [default: one per core for more than 500 lines]",
)

model_option = click.option(
    "--model-option",
    "model_options",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change an option under `model` in MODEL/recipe.yaml for this command only, as in "
    "decoder_solver.max_iterations=4: limits of solvers, or any other option that fits the weights. May be repeated.",
)


def load_model(directory: Path, device: str, workers: int | None = None, model_options: Sequence[str] = ()) -> Bundle:
    """Loads a model directory onto a device.

    Args:
        directory: the model directory.
        device: value of --device.
        workers: value of --workers.
        model_options: values of --model-option.

    Raises:
        UserError: there is no such device, worker processes cannot share it, or an option is wrong.
    """
    with quick_imports():
        import nmt.inference.translator  # noqa: F401 -- imports everything that loading and translating need
        from nmt.bundle import load_bundle
        from nmt.inference.device import chosen_device

    several = (workers or 0) > 1
    chosen = chosen_device("cpu" if device == "auto" and several else device, "--device")
    if chosen.type != "cpu" and several:
        raise UserError("--workers", "0 or 1 on a GPU", str(workers), "Workers are for the CPU: leave out --device.")
    if model_options:
        from nmt.recipe.model_options import changed_model

        return load_bundle(directory, chosen, changed_model(directory, model_options))
    return load_bundle(directory, chosen)


def search_settings(bundle: Bundle, changes: Mapping[str, Any]) -> SearchConfig:
    """The search of the model's recipe, with the changes of the command line.

    Raises:
        UserError: this version does not know the search in the model's recipe.
    """
    from nmt.inference.own_search import own_search
    from nmt.search import SearchConfig

    return with_changes(own_search(bundle.recipe), changes, SearchConfig)


class Warned:
    """Passes lines through and warns of those with invalid UTF-8.

    Args:
        lines: lines as returned by `nmt.text.read_lines`.
        where: the file, for the warning.
    """

    def __init__(self, lines: Iterable[str], where: str) -> None:
        self._lines, self._where, self._numbers = lines, where, list[int]()

    def __iter__(self) -> Iterator[str]:
        for number, line in enumerate(self._lines, 1):
            if REPLACEMENT in line:
                self._numbers.append(number)
            yield line

    def warn(self) -> None:
        """Prints one warning on stderr if there were such lines."""
        if self._numbers:
            message = f"{_listed(self._numbers)} of {self._where}: bytes that are not UTF-8, read as {REPLACEMENT}"
            click.echo(f"nmt: warning: {message}; if it is Latin-1: iconv -f LATIN1 -t UTF-8", err=True)


def read_whole(path: Path) -> list[str]:
    """The lines of a file or of standard input, with a warning about lines that are not UTF-8."""
    lines = Warned(input_lines(path), input_name(path))
    read = list(lines)
    lines.warn()
    return read


def warn_of_long_lines(numbers: Sequence[int]) -> None:
    """Prints one warning on stderr that names the lines translated in parts."""
    if numbers:
        message = "longer than the model's training sentences, translated in parts"
        click.echo(f"nmt: warning: {_listed(numbers)}: {message}", err=True)


def warn_of_lost_context(numbers: Sequence[int]) -> None:
    """Prints one warning on stderr that names the lines translated without the others of their document."""
    if numbers:
        message = "the model merged or split sentences, translated one by one without their document"
        click.echo(f"nmt: warning: {_listed(numbers)} ({len(numbers):,} in all): {message}", err=True)


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:10])) + (f" and {len(numbers) - 10} more" if len(numbers) > 10 else "")
    return f"{'line' if len(numbers) == 1 else 'lines'} {shown}"
