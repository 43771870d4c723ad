"""Text files that a command writes, or standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TextIO

from nmt.cli.inputs import STANDARD
from nmt.errors import UserError


@contextmanager
def destination(output: Path | None) -> Iterator[TextIO]:
    """The output file, which appears once complete, or standard output, in UTF-8 even on a terminal."""
    from nmt.output import write_compressed_atomically

    if output is not None:
        with write_compressed_atomically(output) as handle:
            yield handle
        return
    stdout = sys.stdout
    if hasattr(stdout, "reconfigure"):
        stdout.reconfigure(encoding="utf-8", newline="\n")
    yield stdout


def opened(path: Path) -> AbstractContextManager[TextIO]:
    """The output that an option names; `-` is standard output."""
    return destination(None if path == STANDARD else path)


def check_outputs(outputs: Mapping[str, Path | None]) -> None:
    """Checks that no two outputs go to the same file or both to standard output.

    Args:
        outputs: the file of each option, after defaults; None if there is none.

    Raises:
        UserError: two do.
    """
    seen: dict[Path, str] = {}
    for option, path in outputs.items():
        if path is None or (path != STANDARD and path.exists() and not path.is_file()):
            continue  # /dev/null takes any number of outputs
        place = path if path == STANDARD else path.resolve()
        if place in seen:
            name = "standard output" if path == STANDARD else str(path)
            raise UserError(option, f"another file than that of {seen[place]}", name, f"Name a file for {seen[place]}.")
        seen[place] = option
