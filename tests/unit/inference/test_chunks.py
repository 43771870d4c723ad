from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.inference.chunks import SHORTEST_LIMIT, Cutter, Part, chunk_limit, join
from nmt.text import clean_line, is_blank
from tests.unit.inference.tiny import ALPHABET, CharacterTokenizer

TOKENIZER = CharacterTokenizer()


class Unicode(CharacterTokenizer):
    """Every character is a token; what stands for a language is one token of its own."""

    def __init__(self, *tags: str) -> None:
        super().__init__()
        self.tags = tags

    def encode(self, line: str) -> list[int]:
        for place, tag in enumerate(self.tags):
            if line.startswith(tag):
                return [4 + place, *self.encode(line.removeprefix(tag).lstrip())]
        return [1000 + ord(character) for character in line]

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(chr(i - 1000) for i in ids if i >= 1000)

    def pieces(self, ids: Sequence[int]) -> list[str]:
        return [self.tags[i - 4] if i < 1000 else chr(i - 1000) for i in ids]


def parts(line: str, limit: int, tokenizer: CharacterTokenizer = TOKENIZER, split: bool = False) -> list[str]:
    cut = Cutter(tokenizer, limit, "en", split=split).cut(line)
    return [tokenizer.decode(part.ids) for part in cut.parts]


unspaced = st.text("中文的句子很长日本語カナ。，！", max_size=200)


@given(st.text(ALPHABET, max_size=300).map(clean_line) | unspaced, st.integers(1, 60), st.booleans())
def test_nothing_is_lost_and_every_part_fits(line: str, limit: int, split: bool) -> None:
    found = parts(line, limit, Unicode(), split)
    assert "".join(found).replace(" ", "") == line.replace(" ", "")
    assert all(1 <= len(part) <= limit for part in found)
    assert bool(found) is not is_blank(line)


def test_a_line_within_the_limit_stays_whole() -> None:
    assert parts("one. two. three", 15) == ["one. two. three"]
    assert not Cutter(TOKENIZER, 15).cut("one. two. three").too_long


def test_cuts_after_a_sentence_then_a_clause_then_a_word() -> None:
    assert parts("aaa bbb. ccc ddd eee fff", 16) == ["aaa bbb.", "ccc ddd eee fff"]
    assert parts("aaa bbb, ccc ddd eee fff", 16) == ["aaa bbb,", "ccc ddd eee fff"]
    assert parts("aaa bbb ccc ddd eee fff", 16) == ["aaa bbb ccc", "ddd eee fff"]
    assert Cutter(TOKENIZER, 16).cut("aaa bbb. ccc ddd eee fff").too_long


def test_parts_are_about_equal() -> None:
    """Not one full part and one word."""
    found = parts(" ".join(["word"] * 21), 100)
    assert [len(part) for part in found] == [49, 54] or [len(part) for part in found] == [54, 49]


def test_text_without_blanks_is_cut_at_its_own_punctuation() -> None:
    sentence = "一只小鸟在树上唱歌。"
    assert parts(sentence * 14, 50, Unicode()) == [sentence * 5, sentence * 4, sentence * 5]
    assert parts("三只小鸟，在树上唱歌，很好听", 10, Unicode()) == ["三只小鸟，", "在树上唱歌，很好听"]
    assert parts("彼は「行く。」と言った。", 8, Unicode()) == ["彼は「行く。」", "と言った。"]


def test_where_there_is_none_the_parts_are_equal() -> None:
    assert [len(part) for part in parts("鸟" * 105, 50, Unicode())] == [35, 35, 35]
    assert [len(part) for part in parts("x" * 105, 50, Unicode())] == [35, 35, 35]


def test_parts_are_joined_as_the_target_is_written() -> None:
    two, word = [Part([4]), Part([4])], [Part([4]), Part([4], inside_word=True)]
    assert join(["Ein Vogel.", "Zwei."], two) == "Ein Vogel. Zwei."
    assert join(["一只小鸟。", "两只。"], two) == "一只小鸟。两只。"
    assert join(["一只小鸟", "abc"], two) == "一只小鸟 abc"
    assert join(["aaa", "bbb"], word) == "aaabbb"
    assert join(["", "b"], two) == "b"
    cut = Cutter(Unicode(), 50).cut("x" * 105 + " y")
    assert [part.inside_word for part in cut.parts] == [False, True, True, False]


@pytest.mark.parametrize("tag", [">>fra<<", "<2fr>", "__fr__", "[fr]"])
def test_each_part_says_the_language(tag: str) -> None:
    tagged, plain = Unicode(tag), Unicode()
    text = "aaa bbb. ccc ddd eee fff"
    for line in (f"{tag} {text}", f"{tag}{text}"):
        for split in (False, True):
            found = [part.ids for part in Cutter(tagged, 17, "en", split=split).cut(line).parts]
            assert found == [[4, *part.ids] for part in Cutter(plain, 16, "en", split=split).cut(text).parts]
        assert [part.ids for part in Cutter(tagged, 100).cut(line).parts] == [tagged.encode(line)]
    assert Cutter(tagged, 100).cut(tag).parts == []
    for line in (f">>spa<< {text}", f"{text} {tag}"):  # text like any other
        assert [part.ids for part in Cutter(tagged, 100).cut(line).parts] == [tagged.encode(line)]


def test_sentences_are_parts_of_their_own_where_that_is_wanted() -> None:
    text = "He saw Mr. Smith. She did not! Why? It cost 3.50 dollars, e.g. here."
    assert parts(text, 100, Unicode()) == [text]
    found = parts(text, 100, Unicode(), split=True)
    assert found == ["He saw Mr. Smith.", "She did not!", "Why?", "It cost 3.50 dollars, e.g. here."]
    assert not Cutter(Unicode(), 100, "en", split=True).cut(text).too_long
    assert parts("我来了。你呢？好！", 100, Unicode(), split=True) == ["我来了。", "你呢？", "好！"]


def test_limit_follows_training_but_trusts_a_model_a_little() -> None:
    assert chunk_limit(0) == chunk_limit(7) == SHORTEST_LIMIT
    assert chunk_limit(200) == 200
