"""A SentencePiece model under a foreign vocabulary: its ids, its file, and text that tries to be a special token."""

from __future__ import annotations

import base64
import io
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from nmt.digest import file_digest
from nmt.errors import UserError
from nmt.text import clean_line
from nmt.tokenizer import SPECIAL, TokenizerPair, load_tokenizers, save_tokenizers
from nmt.tokenizer.existing import ExistingTokenizer
from nmt.tokenizer.sentencepiece_vocabulary import SentencePieceVocabularyOptions, SentencePieceVocabularyTokenizer

LINES = [
    f"the {colour} {animal} sleeps, doesn't it?" for colour in ("red", "grün", "blue") for animal in ("cat", "dog")
]
NAMES = ("<pad>", "<unk>", "<s>", "</s>")
LANGUAGE = ">>fra<<"


def trained(**options: Any) -> bytes:
    """A SentencePiece model that numbers its pieces in its own way, without padding."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES * 10), model_writer=written, hard_vocab_limit=False, minloglevel=2, **options
    )
    return written.getvalue()


@pytest.fixture(scope="module")
def model() -> bytes:
    return trained(vocab_size=40, normalization_rule_name="nmt_nfkc")


@pytest.fixture(scope="module")
def vocabulary(model: bytes) -> list[str]:
    """The model's pieces backwards, without one of them, and with a language token."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    pieces = [processor.id_to_piece(place) for place in range(3, processor.get_piece_size())]
    return [*NAMES, *reversed([piece for piece in pieces if piece != "?"]), LANGUAGE]


@pytest.fixture(scope="module")
def tokenizer(model: bytes, vocabulary: list[str]) -> SentencePieceVocabularyTokenizer:
    return SentencePieceVocabularyTokenizer(model, vocabulary)


def test_pieces_get_the_ids_of_the_vocabulary(
    model: bytes, vocabulary: list[str], tokenizer: SentencePieceVocabularyTokenizer
) -> None:
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    assert tokenizer.vocabulary_size == len(vocabulary)
    for line in LINES:
        ids, pieces = tokenizer.encode(line), processor.encode(line, out_type=str)
        assert ids == [vocabulary.index(piece) if piece in vocabulary else SPECIAL.unk for piece in pieces]
        assert ids.count(SPECIAL.unk) == 1  # the question mark
        assert tokenizer.pieces(ids) == [piece if piece in vocabulary else "<unk>" for piece in pieces]
        assert tokenizer.decode([SPECIAL.bos, *ids, SPECIAL.eos, SPECIAL.pad]) == line.removesuffix("?")
    assert tokenizer.encode_sampled(LINES, 3) == [tokenizer.encode(line) for line in LINES]


@given(st.lists(st.characters() | st.sampled_from([*NAMES, LANGUAGE, ">>", "<<", "▁", " the", "\u200b", "\ufeff"])))
def test_text_never_spells_a_special_token(tokenizer: SentencePieceVocabularyTokenizer, parts: list[str]) -> None:
    line = clean_line("".join(parts))
    ids = tokenizer.encode(line)
    assert all(i == SPECIAL.unk or SPECIAL.eos < i < tokenizer.vocabulary_size for i in ids)
    assert len(tokenizer.pieces(ids)) == len(ids)
    assert len(tokenizer.decode(ids).splitlines()) <= 1
    if not line:
        assert ids == []


@given(st.data())
def test_decoding_gives_one_clean_line_whatever_the_ids(
    tokenizer: SentencePieceVocabularyTokenizer, data: st.DataObject
) -> None:
    ids = data.draw(st.lists(st.integers(0, tokenizer.vocabulary_size - 1)))
    text = tokenizer.decode(ids)
    assert text == clean_line(text)
    assert text == tokenizer.decode([i for i in ids if i > SPECIAL.eos])


def test_a_line_may_begin_with_a_language_token(tokenizer: SentencePieceVocabularyTokenizer) -> None:
    token = tokenizer.vocabulary_size - 1
    plain = tokenizer.encode("the cat")
    assert tokenizer.encode(f"{LANGUAGE} the cat") == tokenizer.encode(f"{LANGUAGE}the cat") == [token, *plain]
    assert tokenizer.encode(LANGUAGE) == [token]
    assert token not in tokenizer.encode(f"the cat {LANGUAGE}")
    # what is no token of the vocabulary is text like any other, not one unknown
    assert tokenizer.encode(">>the<< cat")[-len(tokenizer.encode("cat")) :] == tokenizer.encode("cat")
    assert any(i in tokenizer.encode(">>the<< cat") for i in tokenizer.encode("the"))
    assert tokenizer.decode([token, *plain]) == f"{LANGUAGE} the cat"


def test_pieces_of_raw_bytes_decode_to_one_line() -> None:
    vocabulary = [*NAMES, "▁the", "<0x0A>", "<0xE2>", "▁cat"]
    tokenizer = SentencePieceVocabularyTokenizer(trained(vocab_size=280, byte_fallback=True), vocabulary)
    assert tokenizer.decode([4, 5, 7]) == "the cat"
    assert tokenizer.decode([4, 6, 7]).startswith("the")


@pytest.mark.parametrize("joint", [True, False])
def test_saved_and_loaded(model: bytes, vocabulary: list[str], tmp_path: Path, joint: bool) -> None:
    source = SentencePieceVocabularyTokenizer(model, vocabulary)
    target = source if joint else SentencePieceVocabularyTokenizer(model, vocabulary[:-1])
    assert (source.digest == target.digest) == joint
    save_tokenizers(TokenizerPair(source, target), tmp_path)
    loaded = load_tokenizers(tmp_path)
    assert loaded.joint == joint
    for before, after in ((source, loaded.source), (target, loaded.target)):
        assert isinstance(after, SentencePieceVocabularyTokenizer)
        assert after.digest == before.digest
        assert after.options == before.options
        assert after.encode(LINES[0]) == before.encode(LINES[0])
    assert source.digest == file_digest(tmp_path / ("joint.model" if joint else "source.model"))
    copy = pickle.loads(pickle.dumps(source))
    assert copy.digest == source.digest
    assert copy.encode(LINES[0]) == source.encode(LINES[0])


def test_sides_that_cut_differently_may_share_a_vocabulary(model: bytes, vocabulary: list[str], tmp_path: Path) -> None:
    source = SentencePieceVocabularyTokenizer(model, vocabulary)
    for name, others, shared in (("same", vocabulary, True), ("other", [*vocabulary[:-1], ">>spa<<"], False)):
        target = SentencePieceVocabularyTokenizer(trained(vocab_size=30), others)
        save_tokenizers(TokenizerPair(source, target), tmp_path / name)
        assert ExistingTokenizer(directory=tmp_path / name).joint == shared


def _file(sound: bytes, **changes: Any) -> str:
    content = {"format": 1, "vocabulary": [*NAMES, "a", "b"], "model": base64.b64encode(sound).decode(), **changes}
    return json.dumps({name: value for name, value in content.items() if value is not None})


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"model": None},
        {"model": "?"},
        {"model": ""},
        {"model": "bm90IGEgbW9kZWw="},
        {"vocabulary": None},
        {"vocabulary": ["a"]},
        {"vocabulary": [*NAMES, "a", 3]},
        {"vocabulary": [*NAMES, "a", "a"]},
        {"vocabulary": [*NAMES, "a", "\ud800"]},
        {"vocabulary": 7},
    ],
)
def test_a_damaged_file_is_refused(model: bytes, tmp_path: Path, changes: dict[str, Any]) -> None:
    path = tmp_path / "source.model"
    path.write_text(_file(model))
    SentencePieceVocabularyOptions().load(path)
    path.write_text(_file(model, **changes))
    with pytest.raises(UserError, match=r"source\.model"):
        SentencePieceVocabularyOptions().load(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"7", b"\xff", b"{}", None])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "source.model").write_bytes(content)
    with pytest.raises(UserError, match=r"source\.model"):
        SentencePieceVocabularyOptions().load(tmp_path / "source.model")
