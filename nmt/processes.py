"""Python processes that this one starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nmt

_SAFE_PATH = "PYTHONSAFEPATH"


@contextmanager
def safe_imports() -> Iterator[None]:
    """Processes started in the block import nothing from the current folder, where a `random.py` may lie."""
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


def nmt_command(arguments: Sequence[str]) -> list[str]:
    """The command that runs this very `nmt` with these arguments, whatever lies in the current folder."""
    root = str(Path(nmt.__file__).resolve().parent.parent)
    # behind all other places, for a checkout that is run without having been installed
    program = "import sys; sys.path.append(sys.argv.pop(1)); from nmt.cli.main import main; main()"
    return [sys.executable, "-P", "-c", program, root, *arguments]
