"""How to call `nmt` from this shell, for commands that a message suggests."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path


def program() -> str:
    """The command to type in this shell; `nmt` may not be on the path, as after `make quickstart`."""
    if shutil.which("nmt"):
        return "nmt"
    started = Path(sys.argv[0])
    return shlex.quote(str(started)) if started.stem == "nmt" else f"{shlex.quote(sys.executable)} -m nmt"


def next_commands(recipe: Path) -> str:
    """The commands to type after a recipe has been written."""
    return "\n".join(f"  {program()} {command} {shlex.quote(str(recipe))}" for command in ("recipe check", "run"))
