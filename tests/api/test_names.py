"""The names of the package: there when they are used, and free until then."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nmt

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "numpy", "pydantic", "sentencepiece", "sacrebleu", "click", "rich")


def test_importing_the_package_imports_nothing_else() -> None:
    program = (
        f"import sys, nmt\ndir(nmt), nmt.__version__, nmt.UserError\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


@pytest.mark.parametrize("name", nmt.__all__)
def test_each_name_is_there_with_its_documentation(name: str) -> None:
    assert name in dir(nmt)
    assert getattr(nmt, name).__doc__


def test_types_and_programs_see_the_same_names() -> None:
    tree = ast.parse(Path(nmt.__file__).read_text(encoding="utf-8"))
    (choice,) = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {
        alias.name: node.module for node in choice.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert typed == vars(nmt)["_MODULES"]
    assert sorted([*typed, "__version__"]) == sorted(nmt.__all__)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'nmt' has no attribute 'lode'"):
        nmt.lode  # type: ignore[attr-defined] # noqa: B018 - the mistake that is tested
