"""Automata in the language of Graphviz, and as pictures where it is installed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from nmt.automata.automaton import Automaton
from nmt.automata.drawing import as_dot, as_png, check_drawable
from nmt.errors import UserError

PARITY = Automaton(("0", "1", '"'), ((0, 1, 0), (1, 0, 1)), ("accept", "reject"))


def test_states_and_edges() -> None:
    lines = as_dot(PARITY).splitlines()
    assert '  0 [label="0\\naccept", shape=doublecircle];' in lines
    assert '  1 [label="1\\nreject"];' in lines
    assert "  start -> 0;" in lines
    assert '  0 -> 0 [label="0, \\""];' in lines
    assert '  0 -> 1 [label="1"];' in lines
    assert sum("->" in line for line in lines) == 5
    assert lines[-1] == "}"


def test_without_graphviz_the_message_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="--png: expected Graphviz.*Install Graphviz"):
        check_drawable("--png")


def install(folder: Path, script: str) -> None:
    program = folder / "dot"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_the_program_is_given_the_graph(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(tmp_path, 'echo "$@"; exec cat')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    check_drawable("--png")
    assert as_png("digraph {}") == b"-Tpng\ndigraph {}"


def test_its_failure_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(tmp_path, "echo no fonts >&2; exit 3")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(UserError, match="no fonts"):
        as_png("digraph {}")
