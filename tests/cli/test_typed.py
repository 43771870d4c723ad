"""What a person types, and what is counted for one who waits."""

from __future__ import annotations

import builtins
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nmt.cli.streams import colour
from nmt.cli.typed import typed_lines
from nmt.cli.watched import watched_lines


def test_each_enter_is_a_group_and_pasted_lines_stay_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = iter(["the dog", "two\nlines", ""])

    def read(prompt: str) -> str:
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr(builtins, "input", read)
    assert list(typed_lines()) == [["the dog"], ["two", "lines"], [""]]
    assert capsys.readouterr().err == "\n"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text"
    path.write_text("line\n" * 4, encoding="utf-8")
    return path


def slowly(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Four items, half a minute each."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def items() -> Iterator[int]:
        for number in range(4):
            now[0] += 30.0
            yield number

    return items()


def test_a_log_gets_a_line_now_and_then(
    text: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(watched_lines(slowly(monkeypatch), "translate", text)) == [0, 1, 2, 3]
    assert capsys.readouterr().err.splitlines() == [
        "nmt: translate: 2/4 lines, 1 min 00 s left, 0.0 lines/s",
        "nmt: translate: 4/4 lines, 0.0 s left, 0.0 lines/s",
    ]


def test_standard_input_has_no_end_that_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(watched_lines(slowly(monkeypatch), "translate", None)) == [0, 1, 2, 3]
    assert capsys.readouterr().err.splitlines()[0] == "nmt: translate: 2 lines, 0.0 lines/s"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, None), ({"NO_COLOR": ""}, None), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_colours_can_be_declined(
    environment: dict[str, str], expected: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert colour() is expected
