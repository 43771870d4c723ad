"""Reading and writing lines: what goes in comes out, line for line."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import threading
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.errors import UserError
from nmt.text import clean_line, count_lines, is_blank, read_lines

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


COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@given(hostile_bytes.map(b"x".__add__), st.sampled_from(sorted(COMPRESS)), st.sampled_from(sorted(COMPRESS)))
def test_compression_is_told_by_content_one_in_another_too(data: bytes, inner: str, outer: str) -> None:
    expected = list(read_lines(io.BytesIO(data)))
    packed = COMPRESS[inner](data)
    assert list(read_lines(io.BytesIO(packed))) == expected
    assert list(read_lines(io.BytesIO(COMPRESS[outer](packed)))) == expected


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", ["", "ä", "a\nö\u2028b\n", "😀\n\n" * 3000 + "end"])
def test_other_encodings_with_a_mark_are_read(encoding: str, text: str, tmp_path: Path) -> None:
    marked = text.encode(encoding) if encoding in ("utf-16", "utf-32") else ("\ufeff" + text).encode(encoding)
    lines = list(read_lines(io.BytesIO(text.encode())))
    (tmp_path / "text").write_bytes(marked)
    (tmp_path / "text.gz").write_bytes(gzip.compress(marked))
    assert list(read_lines(tmp_path / "text")) == lines
    assert list(read_lines(tmp_path / "text.gz")) == lines
    assert list(read_lines(io.BytesIO(marked))) == lines


def test_invalid_units_of_another_encoding_are_replaced() -> None:
    assert list(read_lines(io.BytesIO(b"\xff\xfea\x00\x00\xd8\n\x00b\x00"))) == ["a\ufffd", "b"]


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("document.xml", "text")
    return packed.getvalue()


def tarred() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("text")
        member.size = 5
        archive.addfile(member, io.BytesIO(b"text\n"))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (zipped(), "a zip archive"),
        (b"\x28\xb5\x2f\xfd\x04\x00", "a zstd file.*zstd -d"),
        (b"7z\xbc\xaf\x27\x1c\x00", "7-Zip"),
        (b"%PDF-1.7\n", "a PDF document"),
        (tarred(), "a tar archive"),
        (gzip.compress(tarred()), "a tar archive"),
        ("plain English, and long enough to be sure of it\n".encode("utf-16-le"), "iconv -f UTF-16LE"),
        ("plain English, and long enough to be sure of it\n".encode("utf-16-be"), "iconv -f UTF-16BE"),
        (gzip.compress(gzip.compress(gzip.compress(b"a\n"))), "a gzip file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "bytes",
)
def test_what_is_no_text_is_refused_before_a_line_of_it_counts(data: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(data)
    for place, name in ((tmp_path / "text", r"/text: "), (io.BytesIO(data), "")):
        with pytest.raises(UserError, match=f"{name}.*{said}"):
            next(read_lines(place))


def damaged(whole: bytes) -> list[bytes]:
    flipped = bytearray(whole)
    flipped[-6] ^= 0xFF  # in the checksum
    garbled = bytearray(whole)
    garbled[20:30] = b"\xff" * 10
    return [whole[:-9], whole[:40], bytes(flipped), bytes(garbled)]


@pytest.mark.parametrize("kind", sorted(COMPRESS))
@pytest.mark.parametrize("which", range(4))
def test_damaged_data_is_an_error_of_the_user(kind: str, which: int, tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(damaged(COMPRESS[kind](os.urandom(3000).hex().encode() + b"\nline\n"))[which])
    with pytest.raises(UserError, match=r"text: expected an intact compressed file, got damaged data after line"):
        list(read_lines(path))


@pytest.mark.parametrize("name", ["absent", ".", "x" * 300, "a\0b"])
def test_unreadable_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="readable file"):
        list(read_lines(tmp_path / name))


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
        ("\u200d👩\u200d🚀 שלום \u200fabc", "\u200d👩\u200d🚀 שלום abc"),
        ("Wör\u00adter\u200b und\u2060 \ufeffmehr\u202e", "Wörter und mehr"),
        ("e\u200b\u0301", "é"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\u200b \u00ad", ""),
        ("a\ufdd0b\U0001ffffc\ud800d", "a b c d"),
        (" \t\r\u3000", ""),
    ],
)
def test_cleaning_by_hand(line: str, cleaned: str) -> None:
    assert clean_line(line) == cleaned


def test_cleaning_takes_time_in_proportion_to_the_line() -> None:
    """CPython's normalisation is quadratic in the combining marks of a letter."""
    marks = "\u0316\u0301" * 40_000
    cleaned = clean_line("a" + marks)
    assert len(cleaned) < 100
    assert clean_line(cleaned) == cleaned
    assert clean_line("a" + marks[:400]) == unicodedata.normalize("NFC", "a" + marks[:400])
    words = " ".join("o\u0308" * 90 for _ in range(50))
    assert clean_line(words) == unicodedata.normalize("NFC", words)


@given(st.lists(st.sampled_from("a\u0301\u0316é\u0344\uac00ᄀ \u200b"), min_size=990, max_size=1100).map("".join))
def test_cleaning_very_long_words_twice_changes_nothing_more(line: str) -> None:
    cleaned = clean_line(line)
    assert clean_line(cleaned) == cleaned
    assert unicodedata.is_normalized("NFC", cleaned)


@pytest.mark.parametrize("line", ["", " ", "\u3000", "\x00", "\u200b", "\ufeff \u200e", "\u200d"])
def test_what_nobody_can_see_is_blank(line: str) -> None:
    assert is_blank(line)


@pytest.mark.parametrize("line", ["a", "。", "🙂", "\u200ba", "-"])
def test_what_can_be_seen_is_not_blank(line: str) -> None:
    assert not is_blank(line)


@pytest.mark.parametrize("text", ["", "one", "one\n", "one\n\nthree", "\n\n", "a\u2028b\rc\r\nd\n"])
@pytest.mark.parametrize("packed", [bytes, gzip.compress, bz2.compress, lambda data: data.decode().encode("utf-16")])
def test_lines_are_counted_as_they_are_read(text: str, packed: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(packed(text.encode()))
    assert count_lines(path) == len(list(read_lines(path)))


def test_what_cannot_be_counted_counts_nothing(tmp_path: Path) -> None:
    """The error comes when the lines are read."""
    (tmp_path / "cut").write_bytes(gzip.compress(b"line\n" * 10_000)[:-20])
    (tmp_path / "zip").write_bytes(b"PK\x03\x04" + bytes(100))
    os.mkfifo(tmp_path / "pipe")
    assert [count_lines(tmp_path / name) for name in ("cut", "zip", "pipe", "absent")] == [0, 0, 0, 0]
