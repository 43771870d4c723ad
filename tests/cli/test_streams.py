"""Whatever the streams are, a command ends well or with one message; nothing is lost in silence, no file is hurt."""

from __future__ import annotations

import os
import pty
import signal
import stat
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import nmt.cli.main as main_module
from nmt.cli.main import main
from nmt.cli.streams import Terminated
from tests.cli.model_directory import ordinary_line, save_tiny_model
from tests.command import nmt, succeed
from tests.forked import Forked

TEXT = "".join(ordinary_line(number) + "\n" for number in range(3))
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def commands(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sequence[object]]:
    """One of each command that prints, and a file to read."""
    text = tmp_path_factory.mktemp("text") / "text"
    text.write_text(TEXT, encoding="utf-8")
    recipe = ROOT / "recipes/phrasebook_en_de/transformer_tiny.yaml"
    return {
        "translate": ("translate", model, text, "--workers", 0, "--precision", "fp32"),
        "score": ("score", model, "--source", text, "--target", text),
        "evaluate": ("evaluate", "--hypothesis", text, "--reference", text),
        "evaluate --json": ("evaluate", "--hypothesis", text, "--reference", text, "--json"),
        "info": ("info", model),
        "info --json": ("info", model, "--json"),
        "recipe show": ("recipe", "show", recipe),
        "recipe check": ("recipe", "check", recipe),
        "recipe schema": ("recipe", "schema"),
        "help": ("--help",),
        "version": ("--version",),
    }


COMMANDS = ["translate", "score", "evaluate", "evaluate --json", "info", "info --json"]
COMMANDS += ["recipe show", "recipe check", "recipe schema", "help", "version"]


def run(arguments: Sequence[object], streams: dict[int, int | None]) -> tuple[int, str, str]:
    """As a process of its own with these streams."""
    process = Forked(lambda: main(list(map(str, arguments))), streams=streams)
    output, errors = process.wait()
    assert process.returncode is not None
    assert "Traceback" not in errors
    return process.returncode, output, errors


@pytest.mark.parametrize("name", COMMANDS)
def test_output_that_cannot_be_written_is_a_mistake(name: str, commands: dict[str, Sequence[object]]) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        status, _, errors = run(commands[name], {1: full.fileno()})
    assert status == 2
    assert errors.startswith("nmt: ")
    assert "No space left" in errors
    status, _, errors = run(commands[name], {1: None})
    assert (status, errors.count("\n")) == (2, 1)
    assert "standard output: expected an open stream" in errors


@pytest.mark.parametrize("name", COMMANDS)
def test_a_reader_that_has_gone_away_is_none(name: str, commands: dict[str, Sequence[object]]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert run(commands[name], {1: writing}) == (0, "", "")
    finally:
        os.close(writing)


@pytest.mark.parametrize("name", COMMANDS)
def test_streams_that_are_not_needed_may_be_closed(name: str, commands: dict[str, Sequence[object]]) -> None:
    expected = run(commands[name], {})
    assert expected[0] == 0
    status, output, errors = run(commands[name], {0: None, 2: None})
    assert (status, output, errors) == (0, expected[1], "")


def test_input_that_is_closed(model: Path) -> None:
    status, _, errors = run(("translate", model), {0: None})
    assert (status, errors.count("\n")) == (2, 1)
    assert "standard input: expected an open stream, or a file as INPUT" in errors


@pytest.mark.slow
def test_any_locale_will_do(model: Path, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("Straße über Köln – „gut“ 漢字\n", encoding="utf-8")
    for encoding, arguments in (
        ("iso-8859-1", ("score", model, "--source", text, "--target", text, "--tokens")),
        ("ascii", ("evaluate", "--hypothesis", text, "--reference", text)),
        ("ascii", ("recipe", "show", ROOT / "recipes/multi30k_en_de/deq_small.yaml")),
    ):
        environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        environment["PYTHONIOENCODING"] = encoding
        command = [sys.executable, "-m", "nmt", *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.decode()  # UTF-8, as the files that it may be written to


@pytest.mark.slow
def test_interrupting_the_prompt_ends_the_process_properly(model: Path) -> None:
    """Someone types, waits for the answer, and presses Ctrl-C; the thread that reads must not be in the way."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "nmt", "translate", str(model), "--precision", "fp32"],
        stdin=slave, stdout=slave, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    before = termios.tcgetattr(master)
    os.write(master, b"the dog\n")
    seen = b""
    while seen.count(b"\n") < 2:  # the terminal's echo, then the translation
        seen += os.read(master, 1000)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert termios.tcgetattr(master) == before  # whatever was editing the line has given the terminal back
    os.close(master)
    assert process.returncode == 130, errors.decode()
    assert b"Traceback" not in errors
    assert b"Fatal" not in errors


@pytest.mark.parametrize(("signalled", "status"), [(KeyboardInterrupt(), 130), (Terminated(signal.SIGTERM), 143)])
def test_what_breaks_while_a_signal_unwinds_is_the_signal(
    signalled: BaseException, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        try:
            raise signalled
        finally:
            threading.Lock().release()  # as in the midst of Condition.wait

    monkeypatch.setattr(main_module.command, "invoke", interrupted)
    assert main_module._status(["info", "model"]) == status


@pytest.fixture
def long_text(tmp_path: Path) -> Path:
    path = tmp_path / "long"
    path.write_text("".join(ordinary_line(number) + "\n" for number in range(50_000)), encoding="utf-8")
    return path


def unfinished(folder: Path) -> list[Path]:
    return list(folder.glob(".nmt-*.part"))


def begun(arguments: Sequence[object], folder: Path) -> Forked:
    """A command that has begun to write a file into a folder."""
    process = Forked(lambda: main(list(map(str, arguments))))
    while not unfinished(folder):
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.3)
    assert process.poll() is None
    return process


@pytest.mark.slow
def test_killed_it_leaves_nothing_or_what_the_next_run_removes(model: Path, long_text: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "text"
    arguments = ("translate", model, long_text, "-o", out, "--workers", 0, "--precision", "fp32", "--beam", 1)
    for number, status in ((signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)):
        process = begun(arguments, out.parent)
        process.send_signal(number)
        _, errors = process.wait()
        assert (process.returncode, errors) == (status, "")
        assert list(out.parent.iterdir()) == []
    process = begun(arguments, out.parent)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(unfinished(out.parent)) == 1
    succeed("translate", model, "-o", out, "--workers", 0, "--precision", "fp32", given="the dog\n")
    assert list(out.parent.iterdir()) == [out]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "out").mkdir()
    yield tmp_path / "out"
    (tmp_path / "out").chmod(0o755)


def translate(model: Path, out: Path | str) -> tuple[int, str]:
    done = nmt("translate", model, "-o", out, "--workers", 0, "--precision", "fp32", given="the dog\n")
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("{place}", "a folder. Name a file in it"),
        ("{place}/", "a folder. Name a file in it"),
        ("{place}/file/below", "Not a directory"),
        ("{place}/" + "a" * 300, "File name too long"),
        ("{place}/loop", "Too many levels of symbolic links"),
        ("", "no file name"),
        (".", "no file name"),
    ],
)
def test_a_place_that_cannot_be_written_is_told_before_the_model_is_read(out: str, words: str, place: Path) -> None:
    (place / "file").write_text("kept")
    (place / "loop").symlink_to(place / "loop")
    status, errors = translate(Path("no/such/model"), out.format(place=place))
    assert (status, errors.count("\n")) == (2, 1)
    assert words in errors
    assert "model" not in errors
    assert (place / "file").read_text() == "kept"


def test_what_is_no_regular_file_is_written_to_and_stays_what_it_is(model: Path, place: Path) -> None:
    expected = succeed("translate", model, "--workers", 0, "--precision", "fp32", given="the dog\n")
    os.mkfifo(place / "pipe")
    heard: list[str] = []
    listener = threading.Thread(target=lambda: heard.append((place / "pipe").read_text(encoding="utf-8")))
    listener.start()
    assert translate(model, place / "pipe") == (0, "")
    listener.join()
    assert heard == [expected]
    assert stat.S_ISFIFO((place / "pipe").stat().st_mode)
    before = Path("/dev/null").stat().st_mode
    assert translate(model, "/dev/null") == (0, "")
    assert Path("/dev/null").stat().st_mode == before
    assert stat.S_ISCHR(before)
    status, errors = translate(model, "/dev/full")
    assert status == 2
    assert "/dev/full" in errors
    assert "No space left" in errors


def test_links_are_followed_and_modes_kept(model: Path, place: Path) -> None:
    (place / "real").write_text("old")
    (place / "real").chmod(0o600)
    (place / "link").symlink_to("real")
    (place / "new").symlink_to("not there yet")
    assert translate(model, place / "link") == translate(model, place / "new") == (0, "")
    assert (place / "link").is_symlink()
    assert (place / "new").is_symlink()
    assert (place / "real").read_text() == (place / "not there yet").read_text() != "old"
    assert stat.S_IMODE((place / "real").stat().st_mode) == 0o600
    assert unfinished(place) == []


@pytest.mark.slow
def test_files_named_like_modules_are_not_run(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes import what is installed, not what lies in the current folder."""
    for name in ("random.py", "nmt.py", "torch.py", "sitecustomize.py"):
        (tmp_path / name).write_text(f"open({str(tmp_path / 'executed')!r}, 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    output = succeed("translate", model, "--workers", 2, "--precision", "fp32", given=TEXT)
    assert output.count("\n") == 3
    command = [str(Path(sys.executable).with_name("nmt")), "translate", str(model), "--workers", "0"]
    assert subprocess.run(command, input=TEXT, capture_output=True, text=True, check=True).stdout.count("\n") == 3
    assert not (tmp_path / "executed").exists()
