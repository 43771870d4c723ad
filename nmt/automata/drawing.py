"""Drawings of automata by Graphviz (https://graphviz.org), whose program `dot` turns its own language into pictures."""

from __future__ import annotations

import shutil
import subprocess

from nmt.automata.automaton import Automaton
from nmt.errors import UserError

ACCEPT = "accept"
"""Output of the states that are drawn with a double circle, as usual for recognisers."""


def as_dot(automaton: Automaton) -> str:
    """The automaton in the language of `dot`: each state with its number and output, and one edge per pair of states.

    A double circle marks the states with the output `accept`.
    """
    lines = ["digraph {", "  rankdir=LR;", "  node [shape=circle];", '  start [shape=point, label=""];']
    for state, output in enumerate(automaton.outputs):
        shape = ", shape=doublecircle" if output == ACCEPT else ""
        lines.append(f"  {state} [label={_quoted(f'{state}', output)}{shape}];")
    lines.append(f"  start -> {automaton.start};")
    for state, row in enumerate(automaton.successors):
        for after in sorted(set(row)):
            read = [symbol for symbol, end in zip(automaton.symbols, row, strict=True) if end == after]
            lines.append(f"  {state} -> {after} [label={_quoted(', '.join(read))}];")
    return "\n".join([*lines, "}"]) + "\n"


def check_drawable(where: str) -> None:
    """Checks that pictures can be drawn.

    Args:
        where: the option that asks for one, for the error.

    Raises:
        UserError: Graphviz is not installed.
    """
    if shutil.which("dot") is None:
        fix = "Install Graphviz (apt-get install graphviz), or write a .dot file and draw it elsewhere."
        raise UserError(where, "Graphviz' program `dot`, which draws pictures", "none on the PATH", fix)


def as_png(dot: str) -> bytes:
    """The picture of a graph in the language of `dot`.

    Raises:
        UserError: the program fails.
    """
    done = subprocess.run(["dot", "-Tpng"], input=dot.encode(), capture_output=True, check=False)
    if done.returncode != 0:
        message = done.stderr.decode(errors="replace").strip().splitlines()
        raise UserError("dot -Tpng", "a picture", message[-1] if message else f"exit status {done.returncode}")
    return done.stdout


def _quoted(*lines: str) -> str:
    """A label of these lines."""
    escaped = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return f'"{escaped}"'
