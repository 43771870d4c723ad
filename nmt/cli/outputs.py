"""Text files that a command writes, or standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TextIO

from nmt.cli.inputs import STANDARD


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
