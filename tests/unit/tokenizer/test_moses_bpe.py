from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.digest import file_digest
from nmt.errors import UserError
from nmt.text import clean_line
from nmt.tokenizer import load_tokenizers, save_tokenizers
from nmt.tokenizer.base import SPECIAL, TokenizerPair
from nmt.tokenizer.bpe import Merges
from nmt.tokenizer.moses_bpe import MosesBPEOptions, MosesBPETokenizer

SPECIAL_NAMES = ("<pad>", "<unk>", "<s>", "</s>")
LETTERS = [f"{letter}{mark}" for letter in "abcdefghijklmnopqrstuvwxyzIW" for mark in ("", "@@")]
WORDS = ["hou@@", "se", "@-@", "&apos;s", "&amp;", ".", ",", "well", "wel@@"]
_LEARNED = "h o, ho u, s e</w>, w e, we l, wel l</w>, @ -, @- @</w>, & a, &a p, &ap o, &apo s, &apos ;, &apos; s</w>"
MERGES = Merges(tuple((left, right) for left, right in map(str.split, _LEARNED.split(", "))))


def tokenizer(merges: Merges | None = MERGES, **options: object) -> MosesBPETokenizer:
    chosen = MosesBPEOptions.model_validate({"moses": "en", **options})
    return MosesBPETokenizer([*SPECIAL_NAMES, *LETTERS, *WORDS], merges, chosen)


def test_words_are_taken_apart_cut_and_numbered() -> None:
    made = tokenizer()
    ids = made.encode("It's a well-known house.")
    assert made.pieces(ids) == "I@@ t &apos;s a well @-@ k@@ n@@ o@@ w@@ n hou@@ se .".split()
    assert made.decode(ids) == "It's a well-known house."


def test_each_step_can_be_left_out() -> None:
    line = "well-being 's"
    whole = tokenizer(None, moses=None)
    assert whole.pieces(whole.encode(line)) == ["<unk>", "<unk>"]
    cut = tokenizer(moses=None)
    assert cut.decode(cut.encode("wells a")) == "wells a"
    no_dash = tokenizer(dash_splits=False)
    assert "@-@" not in no_dash.pieces(no_dash.encode(line))
    unescaped = tokenizer(None, escape=False)
    assert "&apos;s" not in unescaped.pieces(unescaped.encode("it's"))


def test_the_text_of_a_special_token_is_not_that_token() -> None:
    made = tokenizer(None, moses=None)
    assert set(made.encode("<pad> <s> </s> <unk>")) == {SPECIAL.unk}


def test_an_unknown_word_is_seen_and_the_other_special_tokens_are_not() -> None:
    made = tokenizer()
    a = made.encode("a")
    assert made.decode([SPECIAL.bos, *a, SPECIAL.unk, SPECIAL.pad, *a, SPECIAL.eos]) == "a <unk> a"


def test_a_word_that_breaks_off_loses_its_mark() -> None:
    made = tokenizer()
    assert made.decode(made.encode("house")[:1]) == "hou"


@pytest.mark.parametrize("line", ["", " ", "\u00a0"])
def test_a_blank_line_has_no_ids(line: str) -> None:
    assert tokenizer().encode(clean_line(line)) == []


@given(ids=st.lists(st.integers(0, len(SPECIAL_NAMES + tuple(LETTERS + WORDS)) - 1), max_size=20))
def test_decoding_gives_one_line(ids: list[int]) -> None:
    for made in (tokenizer(), tokenizer(None, moses=None)):
        text = made.decode(ids)
        assert len(text.splitlines()) <= 1
        assert text == text.strip()


@given(line=st.text(max_size=40))
def test_ids_are_in_range(line: str) -> None:
    made = tokenizer()
    ids = made.encode(clean_line(line))
    assert all(token == SPECIAL.unk or SPECIAL.eos < token < made.vocabulary_size for token in ids)
    assert made.encode_sampled([clean_line(line)], seed=1) == [ids]


def test_of_a_word_listed_twice_the_later_id_counts() -> None:
    made = MosesBPETokenizer([*SPECIAL_NAMES, "a", "b", "a"], None, MosesBPEOptions())
    assert made.encode("a") == [6]
    assert made.decode([4, 6]) == "a a"


@pytest.mark.parametrize("merges", [MERGES, None])
def test_saved_loaded_and_pickled_it_is_the_same(tmp_path: Path, merges: Merges | None) -> None:
    source, target = tokenizer(merges), tokenizer(merges, moses="de")
    save_tokenizers(TokenizerPair(source, target), tmp_path)
    loaded = load_tokenizers(tmp_path)
    assert not loaded.joint, "the two sides join words by the rules of different languages"
    assert loaded.target.options == target.options
    for other in (loaded.source, pickle.loads(pickle.dumps(source))):
        assert other.digest == source.digest == file_digest(tmp_path / "source.model")
        assert other.encode("the well-known house") == source.encode("the well-known house")


def test_the_digest_tells_what_decides_the_ids() -> None:
    digests = {made.digest for made in (tokenizer(), tokenizer(None), tokenizer(escape=False), tokenizer(moses="de"))}
    assert len(digests) == 4


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"format": 2}', '{"format": 1, "merges": null, "vocabulary": ["a"]}']
)
def test_another_file_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "source.model"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"source\.model: expected a dictionary and merges"):
        MosesBPEOptions().load(path)
