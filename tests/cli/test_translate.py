"""`nmt translate` as a person runs it: bytes in, bytes out."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nmt.bundle import load_bundle
from nmt.errors import UserError
from nmt.inference.options import TranslationOptions
from nmt.inference.translator import TrainingText, Translator
from nmt.inference.windows import windows
from nmt.inference.workers import Workers
from nmt.search import BeamSearch
from tests.cli.hostile_lines import hostile_lines
from tests.cli.model_directory import ordinary_line, save_tiny_model
from tests.command import nmt, succeed

NMT = (sys.executable, "-m", "nmt")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


def test_a_thousand_hostile_lines(model: Path) -> None:
    """Exit 0, as many lines out, in order; ordinary ones as when they are alone, blank ones blank."""
    lines = hostile_lines()
    # no final newline; fp32, in which no word depends on the batch by a step of rounding (8 bits: test_quantize.py)
    done = nmt("translate", model, "--workers", 0, "--precision", "fp32", given=b"\n".join(lines))
    assert done.returncode == 0, done.stderr
    found = done.stdout.split("\n")
    assert found.pop() == ""
    assert len(found) == 1000
    assert done.stderr.count("nmt: warning: ") == done.stderr.count("\n") == 2, "long lines, and bytes that are no text"
    bundle = load_bundle(model)
    alone = Translator(
        bundle.model,
        bundle.tokenizers,
        BeamSearch(beam=2, max_length_factor=1.0, max_length_offset=3),
        training_text=TrainingText(longest_source=20),
    )
    for number in range(0, 1000, 3):
        if number not in (500, 998):
            (expected,) = alone.translate([lines[number].decode()])
            assert found[number] == expected.text, number
    invisible = "\u200b\u200e\ufeff".encode()
    blank = [number for number, line in enumerate(lines) if not line.strip(b" \t\x00\x01\x02\x7f") or line == invisible]
    assert any(lines[number] == invisible for number in blank)
    assert all(found[number] == "" for number in blank)
    assert sum(map(bool, found)) > 600


def test_a_line_that_is_cut_is_named_in_one_warning(model: Path) -> None:
    text = (ordinary_line(1) + "\n\n" + "the dog sees the cat. " * 40 + "\n").encode()
    done = nmt("translate", model, "--precision", "fp32", given=text)
    assert done.stdout.count("\n") == 3
    assert done.stderr.startswith("nmt: warning: line 3: longer than")


def test_a_dash_is_standard_input_or_output(model: Path, tmp_path: Path) -> None:
    text = "\n".join(map(ordinary_line, range(4))) + "\n"
    assert succeed("translate", model.parent, "-", "-o", "-", given=text) == succeed("translate", model, given=text)


def test_output_file_equals_standard_output_and_gzip_is_read(model: Path, tmp_path: Path) -> None:
    text = "".join(ordinary_line(n) + "\n" for n in range(5)).encode()
    (tmp_path / "in.gz").write_bytes(gzip.compress(text))
    to_file = nmt("translate", model, tmp_path / "in.gz", "-o", tmp_path / "deep" / "out", "--precision", "fp32")
    assert (to_file.returncode, to_file.stdout, to_file.stderr) == (0, "", "")
    expected = succeed("translate", model, "--precision", "fp32", given=text)
    assert (tmp_path / "deep" / "out").read_text(encoding="utf-8") == expected
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("suffix", "unpack"), [(".gz", gzip.decompress), (".bz2", bz2.decompress), (".XZ", lzma.decompress)]
)
def test_output_is_compressed_as_its_name_says(
    suffix: str, unpack: Callable[[bytes], bytes], model: Path, tmp_path: Path
) -> None:
    text = "".join(ordinary_line(n) + "\n" for n in range(5))
    expected = succeed("translate", model, "--precision", "fp32", given=text)
    succeed("translate", model, "-o", tmp_path / f"out{suffix}", "--precision", "fp32", given=text)
    assert unpack((tmp_path / f"out{suffix}").read_bytes()).decode() == expected


@pytest.mark.parametrize("pack", [lambda text: text.encode("utf-16"), lambda text: lzma.compress(text.encode()),
                                  lambda text: b"\xef\xbb\xbf" + text.encode()])  # fmt: skip
def test_text_is_read_in_what_it_comes_as(pack: Callable[[str], bytes], model: Path, tmp_path: Path) -> None:
    text = "".join(ordinary_line(n) + "\n" for n in range(5))
    expected = succeed("translate", model, "--precision", "fp32", given=text)
    (tmp_path / "text").write_bytes(pack(text))
    assert succeed("translate", model, tmp_path / "text", "--precision", "fp32") == expected
    assert succeed("translate", model, "--precision", "fp32", given=pack(text)) == expected


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04rest", "a zip archive"),
        (b"\x28\xb5\x2f\xfdrest", "a zstd file. Unpack it first: zstd -d FILE"),
        ("ein Hund\n".encode("utf-16-le") * 20, "UTF-16 without a byte order mark. Convert it first: iconv"),
        (gzip.compress(b"the dog\n" * 1000)[:-20], "damaged"),
    ],
    ids=lambda value: value if isinstance(value, str) else "bytes",
)
def test_what_is_no_text_is_refused(data: bytes, words: str, model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(data)
    done = nmt("translate", model, tmp_path / "file", "-o", tmp_path / "out", "--workers", 0)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert not (tmp_path / "out").exists()


def test_bytes_of_another_encoding_are_named(model: Path) -> None:
    given = b"the dog\nein gro\xdfer Hund\n"
    done = nmt("translate", model, "--workers", 0, "--precision", "fp32", given=given)
    assert (done.returncode, done.stdout.count("\n")) == (0, 2)
    assert "line 2 of standard input: bytes that are not UTF-8" in done.stderr
    assert "iconv -f LATIN1 -t UTF-8" in done.stderr


def test_invisible_characters_change_nothing(model: Path) -> None:
    plain = "the dog sees the cat in the street.\n"
    expected = succeed("translate", model, "--precision", "fp32", given=plain)
    for character in "\u00ad\u200b\u2060\ufeff\u200e\u200f\u202a\u202e":
        hidden = plain.replace("dog", f"d{character}og")
        assert succeed("translate", model, "--precision", "fp32", given=hidden) == expected, ascii(character)
        assert succeed("translate", model, "--precision", "fp32", given=f"{character} {character}\n") == "\n"
    for character in "\u200c\u200d":  # Persian, Hindi and emoji are spelled with them
        assert succeed("translate", model, "--precision", "fp32", given=plain.replace("dog", f"d{character}og"))


def test_the_sentences_of_a_line_are_translated_one_by_one_where_that_is_wanted(model: Path) -> None:
    """A line in, a line out; blank lines stay. `auto` leaves a line whole where nothing is known of the training."""
    sentences = [ordinary_line(n).capitalize() for n in (1, 2, 3)]
    alone = succeed("translate", model, "--precision", "fp32", given="".join(f"{s}\n" for s in sentences)).splitlines()
    text = " ".join(sentences) + "\n\n" + sentences[0] + "\n"
    split = succeed("translate", model, "--precision", "fp32", "--split", "on", given=text)
    assert split == " ".join(alone) + "\n\n" + alone[0] + "\n"
    whole = succeed("translate", model, "--precision", "fp32", "--split", "off", given=text)
    assert whole == succeed("translate", model, "--precision", "fp32", given=text) != split


def test_an_n_best_list_has_no_text_twice(model: Path) -> None:
    text = "".join(ordinary_line(n) + "\n" for n in range(10))
    output = succeed("translate", model, "--precision", "fp32", "--beam", 6, "--n-best", 6, given=text)
    rows = [line.split("\t") for line in output.splitlines()]
    assert len({(number, translation) for number, _, translation in rows}) == len(rows)


def test_samples_follow_from_seed_and_sentence_alone(model: Path) -> None:
    lines = [ordinary_line(n) for n in range(6)]

    def sampled(text: list[str], *arguments: object) -> list[str]:
        given = "".join(line + "\n" for line in text)
        output = succeed("translate", model, "--kind", "sampling", "--precision", "fp32", *arguments, given=given)
        return output.splitlines()

    assert sampled(lines) == sampled(lines[::-1])[::-1] == sampled(lines, "--batch-tokens", 20, "--workers", 2)
    assert sampled(lines) != sampled(lines, "--seed", 2)
    first, second = sampled([lines[0], "", lines[0]], "--scores")[::2]
    assert first == second
    refused = nmt("translate", model, "--kind", "sampling", "--beam", 3, given="x\n")
    assert refused.returncode == 2
    assert "--beam" in refused.stderr


def test_scores_and_n_best(model: Path) -> None:
    text = (ordinary_line(1) + "\n\n" + ordinary_line(2) + "\n").encode()
    plain = succeed("translate", model, given=text).splitlines()
    scored = [line.split("\t") for line in succeed("translate", model, "--scores", given=text).splitlines()]
    assert [translation for _, translation in scored] == plain
    assert float(scored[0][0]) < 0
    many = succeed("translate", model, "--n-best", 2, given=text).splitlines()
    rows = [line.split("\t") for line in many]
    assert [row[0] for row in rows] == ["1", "1", "2", "3", "3"]
    assert [rows[0][2], rows[3][2]] == [plain[0], plain[2]]
    assert float(rows[0][1]) >= float(rows[1][1])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("translate", "no/such/model"), "no/such/model"),
        (("translate", "{model}", "no/such/file"), "no/such/file: expected a readable file"),
        (("translate", "{model}", "--n-best", "9"), "beam"),
        (("translate", "{model}", "--device", "toaster"), "--device"),
        (("score", "{model}", "--source", "no/such", "--target", "no/such"), "no/such"),
        (("evaluate", "--reference", "{model}/metadata.json"), "either MODEL and --source, or --hypothesis"),
        (("info", "no/such/model"), "no/such/model"),
    ],
)
def test_mistakes_exit_2_without_a_traceback(arguments: tuple[str, ...], words: str, model: Path) -> None:
    done = nmt(*(argument.format(model=model) for argument in arguments), given="dog\n")
    assert done.returncode == 2
    assert done.stdout == ""
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_not_an_error(model: Path, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("".join(ordinary_line(n) + "\n" for n in range(3000)))
    command = f"{sys.executable} -m nmt translate {model} {tmp_path / 'in'} --workers 0 --beam 1 --precision fp32"
    command += " | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"\n") == 1


def test_lines_are_answered_as_they_come(model: Path) -> None:
    """A program may send one line, wait for its translation, and send the next."""
    with subprocess.Popen([*NMT, "translate", model], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(ordinary_line(number).encode() + b"\n")
            process.stdin.flush()
            assert process.stdout.readline().endswith(b"\n")
        process.stdin.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0


def pool(model: Path, count: int) -> Workers:
    return Workers(model, count, BeamSearch(beam=2), TranslationOptions())


def test_workers_equal_one_process(model: Path) -> None:
    lines = [ordinary_line(n) if n % 7 else "" for n in range(100)]
    bundle = load_bundle(model)
    alone = Translator(bundle.model, bundle.tokenizers, BeamSearch(beam=2), training_text=TrainingText(20))
    with pool(model, 2) as workers:
        found = [translation for window in workers.translate(windows(lines, 9)) for translation in window]
    assert [t.text for t in found] == [t.text for t in alone.translate(lines, 9)]


def test_workers_read_only_a_little_ahead(model: Path) -> None:
    read = 0

    def lines() -> Iterator[str]:
        nonlocal read
        for number in range(200):
            read += 1
            yield ordinary_line(number)

    with pool(model, 2) as workers:
        next(workers.translate(windows(lines(), 1)))
        assert read <= 2 * 4 + 1


def test_a_worker_that_dies_is_a_clear_error(model: Path) -> None:
    with pytest.raises(UserError, match="nmt-worker-1.*killed by signal 9.*--workers"), pool(model, 2) as workers:
        found = workers.translate(windows([ordinary_line(n) for n in range(1000)], 5))
        next(found)
        os.kill(workers._workers[0].process.pid or 0, signal.SIGKILL)
        list(found)


def test_a_worker_reports_the_mistake_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"), pool(tmp_path / "nowhere", 1) as workers:
        list(workers.translate([["dog"]]))


@pytest.mark.slow
def test_interrupting_workers_is_quiet_and_leaves_none_behind(model: Path, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("".join(ordinary_line(n) + "\n" for n in range(100_000)))
    process = subprocess.Popen(
        [*NMT, "translate", model, tmp_path / "in", "-o", tmp_path / "out", "--workers", "2"],
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    time.sleep(6)
    os.killpg(process.pid, signal.SIGINT)  # as the terminal does, to every process
    _, complaint = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in complaint
    assert not (tmp_path / "out").exists()
    deadline = time.monotonic() + 10
    while running(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert running(process.pid) == []


def running(group: int) -> list[str]:
    """The processes of a group that have not ended, from /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = path.read_text().rsplit(")", 1)
        except OSError:  # it ended meanwhile
            continue
        state, _, process_group = rest.split()[:3]
        if int(process_group) == group and state != "Z":
            found.append(name)
    return found
