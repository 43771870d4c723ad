from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nmt.inference.chunks import SHORTEST_LIMIT, chunk_limit, chunks, is_blank
from nmt.text import clean_line
from tests.unit.inference.tiny import ALPHABET, CharacterTokenizer

TOKENIZER = CharacterTokenizer()


def parts(line: str, limit: int) -> list[str]:
    return [TOKENIZER.decode(part) for part in chunks(line, TOKENIZER.encode, limit)]


@given(st.text(ALPHABET, max_size=300).map(clean_line), st.integers(1, 60))
def test_nothing_is_lost_and_every_part_fits(line: str, limit: int) -> None:
    found = parts(line, limit)
    assert "".join(found).replace(" ", "") == line.replace(" ", "")
    assert all(1 <= len(part) <= limit for part in found)
    assert bool(found) is not is_blank(line)


def test_a_line_within_the_limit_stays_whole() -> None:
    assert parts("one. two. three", 15) == ["one. two. three"]


def test_cuts_after_a_sentence_then_a_clause_then_a_word() -> None:
    assert parts("aaa bbb. ccc ddd eee fff", 16) == ["aaa bbb.", "ccc ddd eee fff"]
    assert parts("aaa bbb, ccc ddd eee fff", 16) == ["aaa bbb,", "ccc ddd eee fff"]
    assert parts("aaa bbb ccc ddd eee fff", 16) == ["aaa bbb ccc", "ddd eee fff"]


def test_parts_are_about_equal() -> None:
    """Not one full part and one word."""
    found = parts(" ".join(["word"] * 21), 100)
    assert [len(part) for part in found] == [49, 54] or [len(part) for part in found] == [54, 49]


def test_each_part_says_the_language() -> None:
    def encode(line: str) -> list[int]:
        if line.startswith(">>fra<<"):
            return [99, *encode(line.removeprefix(">>fra<<").lstrip())]
        return TOKENIZER.encode(line)

    text = "aaa bbb. ccc ddd eee fff"
    for line in (f">>fra<< {text}", f">>fra<<{text}"):
        assert chunks(line, encode, 17) == [[99, *part] for part in chunks(text, encode, 16)]
        assert chunks(line, encode, 100) == [encode(line)]
    assert chunks(">>fra<<", encode, 100) == []
    for line in (f">>spa<< {text}", f"{text} >>fra<<"):  # text like any other
        assert chunks(line, encode, 100) == [encode(line)]


def test_limit_follows_training_but_trusts_a_model_a_little() -> None:
    assert chunk_limit(0) == chunk_limit(7) == SHORTEST_LIMIT
    assert chunk_limit(200) == 200
