from __future__ import annotations

from pathlib import Path

import pytest

from nmt.errors import UserError
from nmt.interop.fairseq.dictionary import read_dictionary


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_words_follow_our_special_tokens(tmp_path: Path) -> None:
    path = write(tmp_path / "dict.en.txt", "the 12\r\nhou@@ 3\n\u2581a 1\nmadeupword0000 0\n")
    assert read_dictionary(path) == ["<pad>", "<unk>", "<s>", "</s>", "the", "hou@@", "\u2581a", "madeupword0000"]


def test_a_word_may_be_listed_again_where_the_line_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "dict.en.txt", "a 2\n<s> 5 #fairseq:overwrite\na 1 #fairseq:overwrite\n")
    assert read_dictionary(path)[4:] == ["a", "<s>", "a"]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a 1\nb c 2\n", 2, "a word, a space and a count"),
        ("a 1\nb\n", 2, "a word, a space and a count"),
        (" 1\n", 1, "a word, a space and a count"),
        ("a 1\n\nb 2\n", 2, "a word, a space and a count"),
        ("a one\n", 1, "a word, a space and a count"),
        ("a 1\nb 2\na 3\n", 3, "a word that has not occurred before, got 'a'"),
        ("<unk> 1\n", 1, "a word that has not occurred before"),
    ],
)
def test_a_damaged_line_is_named(text: str, line: int, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"dict\.en\.txt:{line}: expected {message}"):
        read_dictionary(write(tmp_path / "dict.en.txt", text))


def test_an_empty_or_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="words with their counts"):
        read_dictionary(write(tmp_path / "dict.en.txt", ""))
    with pytest.raises(UserError, match=r"dict\.de\.txt: expected a readable file"):
        read_dictionary(tmp_path / "dict.de.txt")
