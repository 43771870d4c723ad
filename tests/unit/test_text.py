"""Reading and writing lines: what goes in comes out, line for line."""

from __future__ import annotations

import gzip
import io
import os
import threading
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.errors import UserError
from nmt.text import clean_line, file_digest, read_lines, write_atomically, write_bytes_atomically

# Bytes that other toolkits have lost lines to, among ordinary ones.
HOSTILE = [
    b"\x00",
    b"\r",
    b"\r\n",
    b"\n",
    b"\xe2\x80\xa8",
    b"\xc2\x85",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\x0b",
    b"\x1c",
    b"a",
]
hostile_bytes = st.lists(st.sampled_from(HOSTILE) | st.binary(max_size=3), max_size=30).map(b"".join)
not_gzip = hostile_bytes.filter(lambda data: not data.startswith(b"\x1f\x8b"))


def expected_lines(data: bytes) -> int:
    """As `wc -l` counts, plus a last line without line feed."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    return data.count(b"\n") + bool(data and not data.endswith(b"\n"))


@given(not_gzip)
def test_only_a_line_feed_ends_a_line(data: bytes) -> None:
    lines = list(read_lines(io.BytesIO(data)))
    assert len(lines) == expected_lines(data)
    assert not any("\n" in line for line in lines)


@given(not_gzip)
def test_gzip_reads_the_same(data: bytes) -> None:
    assert list(read_lines(io.BytesIO(gzip.compress(data)))) == list(read_lines(io.BytesIO(data)))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n")), max_size=10))
def test_text_survives_unchanged(lines: list[str]) -> None:
    lines = [line.removesuffix("\r") for line in lines]
    if lines and lines[0].startswith("\ufeff"):
        lines[0] = "x" + lines[0]
    data = "".join(line + "\n" for line in lines).encode()
    assert list(read_lines(io.BytesIO(data))) == lines


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a", ["a"]),
        (b"a\nb", ["a", "b"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"a\r\r\nb\rc\n", ["a\r", "b\rc"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", ["a", "\ufeffb"]),
        (b"\xef\xbb\xbf", []),
        (b"a\xffb\n", ["a\ufffdb"]),
        ("a\u2028b\x85c\n".encode(), ["a\u2028b\x85c"]),
        (b"\x1f", ["\x1f"]),
        (b"\x00\n", ["\x00"]),
    ],
)
def test_by_hand(data: bytes, lines: list[str], tmp_path: Path) -> None:
    assert list(read_lines(io.BytesIO(data))) == lines
    path = tmp_path / "text"
    path.write_bytes(data)
    assert list(read_lines(path)) == lines


def test_gzip_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    (tmp_path / "plain.gz").write_bytes(b"a\nb\n")
    (tmp_path / "compressed.txt").write_bytes(gzip.compress(b"a\n") + gzip.compress(b"b\n"))
    assert list(read_lines(tmp_path / "plain.gz")) == list(read_lines(tmp_path / "compressed.txt")) == ["a", "b"]


def damaged(whole: bytes) -> list[bytes]:
    flipped = bytearray(whole)
    flipped[-6] ^= 0xFF  # in the checksum
    garbled = bytearray(whole)
    garbled[20:30] = b"\xff" * 10
    return [whole[:-9], whole[:40], bytes(flipped), bytes(garbled), whole + b"trailing"]


@pytest.mark.parametrize("which", range(5))
def test_damaged_gzip_is_an_error_of_the_user(which: int, tmp_path: Path) -> None:
    path = tmp_path / "text.gz"
    path.write_bytes(damaged(gzip.compress(os.urandom(3000).hex().encode() + b"\nline\n"))[which])
    with pytest.raises(UserError, match=r"text\.gz.*whole gzip file"):
        list(read_lines(path))


@pytest.mark.parametrize("name", ["absent", "."])
def test_unreadable_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="readable file"):
        list(read_lines(tmp_path / name))
    with pytest.raises(UserError, match="readable file"):
        file_digest(tmp_path / name)


def test_a_pipe_is_read_as_its_lines_arrive() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream:
        lines = read_lines(stream)
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            for sent in ("one", "", "three"):
                pipe.write(sent.encode() + b"\n")
                got: list[str] = []
                reader = threading.Thread(target=lambda got=got: got.append(next(lines)))
                reader.start()
                reader.join(timeout=5)
                assert got == [sent]
        assert list(lines) == []


@given(st.text())
def test_cleaning(line: str) -> None:
    cleaned = clean_line(line)
    assert clean_line(cleaned) == cleaned
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in cleaned)
    assert cleaned == " ".join(cleaned.split())
    cleaned.encode()


@pytest.mark.parametrize(
    ("line", "cleaned"),
    [
        ("  two \t  words ", "two words"),
        ("a\x00b\x07\x85c\u2028d\u00a0e", "a b c d e"),
        ("u\u0308ber", "über"),
        ("\u200d👩\u200d🚀 שלום \u200fabc", "\u200d👩\u200d🚀 שלום \u200fabc"),
        ("a\ufdd0b\U0001ffffc\ud800d", "a b c d"),
        (" \t\r\u3000", ""),
    ],
)
def test_cleaning_by_hand(line: str, cleaned: str) -> None:
    assert clean_line(line) == cleaned


def test_a_file_appears_only_when_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "text"
    with write_atomically(path) as handle:
        handle.write("é\r\u2028\n")
        handle.flush()
        assert not path.exists()
    assert path.read_bytes() == "é\r\u2028\n".encode()
    with pytest.raises(RuntimeError), write_bytes_atomically(path) as binary:
        binary.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == "é\r\u2028\n".encode()
    assert list(path.parent.iterdir()) == [path]
