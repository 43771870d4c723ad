"""What to type for `nmt`, for the commands that a message proposes."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path


def program() -> str:
    """The command as this shell finds it: it need not be on the path, as after `make quickstart`."""
    if shutil.which("nmt"):
        return "nmt"
    started = Path(sys.argv[0])
    return shlex.quote(str(started)) if started.stem == "nmt" else f"{shlex.quote(sys.executable)} -m nmt"


def next_commands(recipe: Path) -> str:
    """What comes after a recipe has been written: lines to type."""
    return "\n".join(f"  {program()} {command} {shlex.quote(str(recipe))}" for command in ("recipe check", "run"))
