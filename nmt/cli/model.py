"""What the commands that use a model directory share: its device, its search settings, and what to warn of."""

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
    "--device", default="auto", help="Where to compute: cpu, cuda, cuda:1 …  [default: auto, a GPU if there is one]"
)

workers_option = click.option(
    "--workers",
    type=click.IntRange(min=0),
    default=None,
    help="Processes of one thread each; 0 or 1: none.  [default: one per core for more than 500 lines]",
)

model_option = click.option(
    "--model-option",
    "model_options",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change what MODEL/recipe.yaml says under `model`, for this time, as in decoder_solver.max_iterations=4: what "
    "solvers may do and where they stop, or any other option that fits the weights. May be given several times.",
)


def load_model(directory: Path, device: str, workers: int | None = None, model_options: Sequence[str] = ()) -> Bundle:
    """Loads a model directory onto a device.

    Args:
        directory: the model directory.
        device: as --device has it.
        workers: as --workers has it.
        model_options: as --model-option has them.

    Raises:
        UserError: no such device, or one that worker processes cannot share; a wrong option.
    """
    with quick_imports():
        import nmt.inference.translator  # noqa: F401 -- brings all that loading and translating need
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
    """The search of the model's recipe, with what the command line changes.

    Raises:
        UserError: the model's recipe has a search that this version does not know.
    """
    from nmt.inference.own_search import own_search
    from nmt.search import SearchConfig

    return with_changes(own_search(bundle.recipe), changes, SearchConfig)


class Warned:
    """Lines that pass through, and a warning of those that held bytes which are not UTF-8.

    Args:
        lines: as `nmt.text.read_lines` gives them.
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
        """One line on stderr, if there were any."""
        if self._numbers:
            message = f"{_listed(self._numbers)} of {self._where}: bytes that are not UTF-8, read as {REPLACEMENT}"
            click.echo(f"nmt: warning: {message}; if it is Latin-1: iconv -f LATIN1 -t UTF-8", err=True)


def read_whole(path: Path) -> list[str]:
    """The lines of a file or of standard input, with a warning of those that are no UTF-8."""
    lines = Warned(input_lines(path), input_name(path))
    read = list(lines)
    lines.warn()
    return read


def warn_of_long_lines(numbers: Sequence[int]) -> None:
    """One line on stderr that names the lines which were translated in parts."""
    if numbers:
        message = "longer than the model's training sentences, translated in parts"
        click.echo(f"nmt: warning: {_listed(numbers)}: {message}", err=True)


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:10])) + (f" and {len(numbers) - 10} more" if len(numbers) > 10 else "")
    return f"{'line' if len(numbers) == 1 else 'lines'} {shown}"
