"""The frame of the command line: help without torch, mistakes without tracebacks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from nmt import __version__
from nmt.cli import main as cli
from nmt.errors import UserError


def status(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    code = caught.value.code
    assert isinstance(code, int)
    return code


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from nmt.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'sentencepiece', 'sacrebleu', 'numpy', 'pydantic', 'rich') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("--help") == 0
    out = capsys.readouterr().out
    for name in ("run", "prepare", "train", "translate", "score", "evaluate", "info", "recipe"):
        assert f"\n  {name} " in out


def test_without_arguments_comes_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert status() == 0
    assert "Usage: nmt" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("--version") == 0
    assert capsys.readouterr().out == f"nmt {__version__}\n"


def test_python_minus_m() -> None:
    result = subprocess.run([sys.executable, "-m", "nmt", "--version"], capture_output=True, text=True, check=True)
    assert result.stdout == f"nmt {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["trian"], "Did you mean 'train'?"),
        (["recipe", "chekc"], "'check'"),
        (["import", "farseq"], "Did you mean 'fairseq'?"),
        (["translate", "--baem", "3"], "Did you mean '--beam'?"),
        (["--verison"], "Did you mean '--version'?"),
        (["nothing", "like", "it"], "No such command 'nothing'. See `nmt --help`."),
        (["run"], "RECIPE"),
    ],
)
def test_mistakes_exit_2_with_one_message(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("nmt: ")
    assert says in captured.err
    assert captured.err.count("\n") == 1
    assert "\x1b" not in captured.err


@pytest.mark.parametrize(
    ("error", "code", "printed"),
    [
        (
            UserError("file:3", "a number", "'x'", "Write one."),
            2,
            "nmt: file:3: expected a number, got 'x'. Write one.\n",
        ),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_a_command_raises(
    error: BaseException, code: int, printed: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli.command, "invoke", raising(error))
    assert status("run") == code
    assert capsys.readouterr().err == printed


def raising(error: BaseException) -> Callable[..., None]:
    def run(*arguments: object, **options: object) -> None:
        raise error

    return run
