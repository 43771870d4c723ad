"""Starting Python subprocesses."""

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
    """Processes started in the block import nothing from the current folder, which may contain a `random.py`."""
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

    By default they run it to find its functions, and so reach the very lines that start processes unless these are
    guarded by `if __name__ == "__main__":`. Ours need none of its functions.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")  # without a file
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def nmt_command(arguments: Sequence[str]) -> list[str]:
    """The command that runs this installation of `nmt`, whatever the current folder contains."""
    root = str(Path(nmt.__file__).resolve().parent.parent)
    # last in the search path, for a checkout that runs without being installed
    program = "import sys; sys.path.append(sys.argv.pop(1)); from nmt.cli.main import main; main()"
    return [sys.executable, "-P", "-c", program, root, *arguments]
