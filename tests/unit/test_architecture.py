"""The direction of imports: DESIGN's layers, as pyproject.toml declares them; and the size of files and functions."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import grimp
import pytest
from importlinter import cli as import_linter

from tests.cli.model_directory import save_tiny_model

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = ROOT / "pyproject.toml"
PACKAGES = ("nmt", "data_prep")
LONGEST_FILE, LONGEST_FUNCTION = 500, 80
"""Lines."""
HEAVY = ("torch", "numpy", "sentencepiece", "sacrebleu", "tensorboard")


def layers() -> list[str]:
    """The modules that the layers contract names, top to bottom."""
    contracts = tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]["contracts"]
    (declared,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    return [name.strip(" ()") for line in declared for name in line.replace(":", "|").split("|")]


def test_imports_only_point_down(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    status = import_linter.lint_imports(config_filename=str(PYPROJECT), no_cache=True)
    assert status == 0, capsys.readouterr().out


def test_every_part_of_the_package_has_a_layer() -> None:
    parts = {
        f"nmt.{path.stem}"
        for path in (ROOT / "nmt").iterdir()
        if not path.name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").exists())
    }
    assert sorted(parts - set(layers())) == []


def names_imported(path: Path) -> list[str]:
    """Every name that a file imports, with its module: `tests.command.nmt`."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            names += [f"{module}{alias.name}" for alias in node.names]
    return names


def test_no_module_of_tests_is_imported() -> None:
    """Tests share modules of plain names: one that imports another's tests would run them again, or fail with them."""
    for path in (ROOT / "tests").rglob("*.py"):
        wrong = [name for name in names_imported(path) if any(part.startswith("test_") for part in name.split("."))]
        assert wrong == [], path


def test_a_wrong_import_would_be_noticed(tmp_path: Path) -> None:
    """The contract is checked on a tree that breaks it: nmt.nn importing nmt.models."""
    for module in ("nmt", *layers()):
        package = tmp_path / module.replace(".", "/")
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text("")
    (tmp_path / "nmt/nn/__init__.py").write_text("import nmt.models\n")
    (tmp_path / "pyproject.toml").write_text(PYPROJECT.read_text())
    check = "import sys; from importlinter import cli; sys.exit(cli.lint_imports('pyproject.toml', no_cache=True))"
    result = subprocess.run(
        [sys.executable, "-c", check], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 1, result.stdout + result.stderr
    assert "nmt.nn is not allowed to import nmt.models" in result.stdout


def circle(imports: Mapping[str, set[str]]) -> list[str]:
    """Modules of which each imports the next and the last the first; empty where there are none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found[::-1]
    return []


def test_no_imports_go_in_a_circle() -> None:
    """Every import that is made when the code runs counts, those within functions too; those for types alone do not.

    Nor does the package `nmt` itself see what it hands out: that is imported by name, when it is used.
    """
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert {"nmt.search.beam", "nmt.search.dispatch", "data_prep"} <= imports.keys()
    assert circle(imports) == []


def test_a_circle_would_be_noticed() -> None:
    imports = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    found = circle(imports)
    assert set(found) == {"a", "b", "c"}
    assert all(after in imports[before] for before, after in pairwise(found))


def sizes() -> Iterator[tuple[str, int, int]]:
    """Of each file and each function: where, its lines, and how many it may have."""
    for path in (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))):
        text, name = path.read_text(encoding="utf-8"), str(path.relative_to(ROOT))
        yield name, len(text.splitlines()), LONGEST_FILE
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                yield f"{name}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1, LONGEST_FUNCTION


def test_files_and_functions_are_short_enough_to_be_read() -> None:
    found = list(sizes())
    assert len(found) > 1000
    assert [f"{where}: {lines} lines, at most {most}" for where, lines, most in found if lines > most] == []


def imported(arguments: list[str], names: tuple[str, ...]) -> list[str]:
    """Those of the modules that a command has imported by its end."""
    listing = (
        f"import sys; sys.argv = ['nmt', *{arguments!r}]\n"
        "from nmt.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code, ended.code\n"
        f"print('imported:', *[name for name in {names!r} if name in sys.modules])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", listing], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()[-1].removeprefix("imported:").split()


@pytest.mark.parametrize("command", [[], ["train"], ["translate"], ["study"], ["rerank"]])
def test_help_imports_nothing_heavy(command: list[str]) -> None:
    """`--help` answers at once: torch alone takes seconds to import."""
    assert imported([*command, "--help"], HEAVY) == []


def test_commands_import_what_they_need(tmp_path: Path) -> None:
    """Each of these modules is a noticeable part of the time that one sentence takes."""
    model, text = save_tiny_model(tmp_path / "model"), tmp_path / "text"
    text.write_text("the dog\n", encoding="utf-8")
    assert imported(["info", str(model)], HEAVY) == []
    assert imported(["evaluate", "--hypothesis", str(text), "--reference", str(text)], ("torch", "numpy")) == []
    no_sentence_needs = ("torch._dynamo", "torch._inductor", "torch.onnx", "sympy", "scipy", "pandas", "sacremoses")
    ours = ("sacrebleu", "tensorboard", "rich", "nmt.training", "nmt.recipe", "nmt.interop", "nmt.evaluation")
    assert imported(["translate", str(model), str(text)], no_sentence_needs + ours) == []
    recipe = str(ROOT / "recipes/phrasebook_en_de/transformer_tiny.yaml")
    no_recipe_needs = ("torch._dynamo", "tensorboard", "sacrebleu", "nmt.training.trainer", "nmt.pipeline.run")
    assert imported(["recipe", "check", recipe], no_recipe_needs) == []
