"""Python processes that this one starts."""

from __future__ import annotations

import os
import sys
import types
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


@contextmanager
def script_left_alone() -> Iterator[None]:
    """Processes that multiprocessing spawns in the block do not run the caller's script.

    They would, to find its functions, and come to the very lines that start processes unless those stand below
    `if __name__ == "__main__":`. Ours need none of its functions.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")  # without a file
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def nmt_command(arguments: Sequence[str]) -> list[str]:
    """The command that runs this very `nmt` with these arguments, whatever lies in the current folder."""
    root = str(Path(nmt.__file__).resolve().parent.parent)
    # behind all other places, for a checkout that is run without having been installed
    program = "import sys; sys.path.append(sys.argv.pop(1)); from nmt.cli.main import main; main()"
    return [sys.executable, "-P", "-c", program, root, *arguments]
