"""Translation of documents: N lines give N lines, whatever the model does to the separators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nmt.data.batch import pad
from nmt.data.context import SEPARATOR, separated
from nmt.data.document_window import DocumentWindow
from nmt.errors import UserError
from nmt.inference.documents import Span, spans
from nmt.inference.options import TranslationOptions
from nmt.inference.translator import TrainingText, Translator
from nmt.inference.windows import whole_documents
from nmt.search import BeamSearch, Sampling, SearchConfig
from nmt.search.dispatch import find_hypotheses
from nmt.text import clean_line, is_blank
from nmt.tokenizer.base import TokenizerPair
from tests.unit.inference.tiny import ALPHABET, Backwards, BackwardsMemory, CharacterTokenizer

WINDOW = DocumentWindow(pieces=30, sentences=4)
Ids = Sequence[int]


class Scripted(Backwards):
    """Writes what a function makes of its source, and remembers what it was asked."""

    def __init__(self, write: Callable[[Ids], Ids]) -> None:
        super().__init__(CharacterTokenizer.vocabulary_size)
        self.write = write
        self.asked: list[tuple[int, ...]] = []

    def encode(self, source: Tensor, source_mask: Tensor) -> BackwardsMemory:
        rows = [tuple(row[real][:-1].tolist()) for row, real in zip(source, source_mask, strict=True)]
        self.asked += rows
        written, mask = pad([list(self.write(row))[::-1] for row in rows])  # the class reads backwards
        return BackwardsMemory(mask=mask, source=written, length=mask.sum(1) - 1)


def translator(
    write: Callable[[Ids], Ids],
    window: DocumentWindow | None = WINDOW,
    search: SearchConfig | None = None,
    *,
    need_attention: bool = False,
) -> tuple[Translator, Scripted]:
    tokenizer, model = CharacterTokenizer(), Scripted(write)
    known = TrainingText(longest_source=60, several_sentences=0.5, documents=window)
    one = Translator(
        model,
        TokenizerPair(tokenizer, tokenizer),
        search or BeamSearch(beam=2),
        TranslationOptions(batch_tokens=200, documents=True),
        training_text=known,
        need_attention=need_attention,
    )
    return one, model


def copied(ids: Ids) -> Ids:
    return ids


def merged(ids: Ids) -> Ids:
    """All separators are lost."""
    return [token for token in ids if token != SEPARATOR]


def split(ids: Ids) -> Ids:
    """Each sentence of a document is split."""
    sentences = separated(ids)
    if len(sentences) == 1:
        return ids
    return [token for sentence in sentences for token in (*sentence[:1], SEPARATOR, *sentence[1:], SEPARATOR)][:-1]


def emptied(ids: Ids) -> Ids:
    """The number of separators is right, but the sentences of a document are empty."""
    return [SEPARATOR] * ids.count(SEPARATOR) if SEPARATOR in ids else ids


def by_length(ids: Ids) -> Ids:
    return merged(ids) if len(ids) % 2 else ids


line = st.one_of(
    st.text(ALPHABET, max_size=45), st.sampled_from(["", " ", "\u200b", "<s> </s>", "\x00", "a. b", "a" * 130])
)


@given(
    st.lists(line, max_size=25),
    st.integers(1, 9),
    st.sampled_from([copied, merged, split, emptied, by_length]),
    st.integers(2, 40),
    st.integers(1, 5),
)
@settings(max_examples=50)
def test_as_many_lines_out_as_in_and_in_order(
    lines: list[str], group: int, write: Callable[[Ids], Ids], pieces: int, sentences: int
) -> None:
    one, _ = translator(write, DocumentWindow(pieces=pieces, sentences=sentences))
    found = list(one.translate(lines, group))
    expected = ["".join(letter for letter in clean_line(line) if letter in ALPHABET) for line in lines]
    assert [translation.text.replace(" ", "") for translation in found] == [text.replace(" ", "") for text in expected]
    if write is copied:
        assert not any(translation.out_of_context for translation in found)


def test_a_sentence_is_read_with_those_before_it_in_its_document() -> None:
    one, model = translator(copied)
    found = [translation.text for translation in one.translate(["ab", "cd", "", "ef", " ", "", "gh", "ij", "kl"])]
    assert found == ["ab", "cd", "", "ef", "", "", "gh", "ij", "kl"]
    encode = one.tokenizers.source.encode
    asked = {tuple(tuple(sentence) for sentence in separated(row)) for row in model.asked}
    assert asked == {
        tuple(tuple(encode(line)) for line in document) for document in (["ab", "cd"], ["ef"], ["gh", "ij", "kl"])
    }


@pytest.mark.parametrize("write", [merged, split, emptied])
def test_merged_and_split_sentences_are_translated_one_by_one(write: Callable[[Ids], Ids]) -> None:
    one, model = translator(write)
    found = list(one.translate(["ab", "cd", "", "ef"]))
    assert [translation.text for translation in found] == ["ab", "cd", "", "ef"]
    assert [translation.out_of_context for translation in found] == [True, True, False, False]
    encode = one.tokenizers.source.encode
    assert set(model.asked) >= {tuple(encode(line)) for line in ("ab", "cd", "ef")}


def test_text_that_looks_like_the_separator_is_text() -> None:
    one, model = translator(copied)
    lines = ["a <s> b", "c"]
    assert [translation.text for translation in one.translate(lines)] == ["a s b", "c"]  # the alphabet lacks <>
    assert [row.count(SEPARATOR) for row in model.asked] == [1]


def test_a_blank_text_does_not_ask_the_model() -> None:
    one, model = translator(copied)
    assert [translation.text for translation in one.translate(["", " ", ""])] == ["", "", ""]
    assert list(one.translate([])) == []
    assert not model.asked


def test_sampling_keeps_sentences_apart_too() -> None:
    one, _ = translator(copied, search=Sampling(temperature=0.1))
    assert [translation.text for translation in one.translate(["ab", "cd"])] == ["ab", "cd"]


def test_a_search_never_writes_a_separator_unless_it_is_asked_for_a_document() -> None:
    written = CharacterTokenizer().encode("ab")

    def always(ids: Ids) -> Ids:
        return [written[0], SEPARATOR, written[1]]

    source, mask = pad([written])
    for search in (BeamSearch(beam=2), Sampling(temperature=0.1)):
        (plain,), (of_document,) = (
            find_hypotheses(search, Scripted(always).eval(), source, mask, documents=documents)[0]
            for documents in (False, True)
        )
        assert SEPARATOR not in plain.tokens
        assert list(of_document.tokens) == always(written)


def test_what_does_not_go_with_documents() -> None:
    with pytest.raises(UserError, match="trained on documents, got one that was trained on single sentences"):
        translator(copied, None)
    with pytest.raises(UserError, match="n_best 2"):
        translator(copied, search=BeamSearch(beam=2, n_best=2))
    with pytest.raises(UserError, match="attention"):
        translator(copied, need_attention=True)


@given(st.lists(st.integers(1, 30), max_size=30), st.integers(1, 40), st.integers(1, 8))
def test_each_sentence_is_new_once_and_spans_fit(lengths: list[int], pieces: int, sentences: int) -> None:
    found = spans(lengths, DocumentWindow(pieces=pieces, sentences=sentences))
    assert [index for span in found for index in range(span.new, span.stop)] == list(range(len(lengths)))
    for span in found:
        size, count = sum(lengths[span.start : span.stop]), span.stop - span.start
        assert 0 <= span.start <= span.new < span.stop
        assert count == 1 or (size + count - 1 <= pieces and count <= sentences)
    for before, after in pairwise(found):
        assert before.start <= after.start


def test_spans_by_hand() -> None:
    window = DocumentWindow(pieces=11, sentences=4)
    assert spans([], window) == []
    assert spans([2, 2, 2], window) == [Span(0, 0, 3)]
    # 2+1+2+1+2 = 8, another 1+2 fits; then one sentence of context, since two take 6 of 5.
    assert spans([2] * 6, window) == [Span(0, 0, 4), Span(3, 4, 6)]
    assert spans([20, 3, 20], window) == [Span(0, 0, 1), Span(1, 1, 2), Span(2, 2, 3)]
    assert spans([3, 9, 1], window) == [Span(0, 0, 1), Span(1, 1, 3)]


@given(st.lists(st.lists(st.sampled_from(["a", "b", "", " "]), max_size=6), max_size=8))
def test_groups_end_where_documents_end(groups: list[list[str]]) -> None:
    found = list(whole_documents(groups))
    assert [line for group in found for line in group] == [line for group in groups for line in group]
    assert all(is_blank(group[-1]) for group in found[:-1])


def test_a_finished_document_does_not_wait_for_the_next() -> None:
    found = whole_documents(iter([["a"], ["b", "", "c"], ["d"]]))
    assert next(found) == ["a", "b", ""]
    assert list(found) == [["c", "d"]]
