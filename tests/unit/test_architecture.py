"""The direction of imports: DESIGN's layers, as pyproject.toml declares them."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from importlinter import cli as import_linter

from tests.cli.model_directory import save_tiny_model

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = ROOT / "pyproject.toml"
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


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["translate", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """`--help` answers at once: torch alone takes seconds to import."""
    assert imported(arguments, HEAVY) == []


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
