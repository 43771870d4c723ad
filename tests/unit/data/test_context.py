"""Joined sentences: none is lost, the order is kept, and both sides stay in step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.data.clean import Cleaning, CleaningReport, prepare_corpus
from nmt.data.context import (
    SEPARATOR,
    Data,
    checked_borders,
    documents_of,
    encode_sampled,
    joined_ids,
    joined_sentences,
    separated,
)
from nmt.data.pairs import ParallelFiles, RawCorpus
from nmt.data.store import PairStore, build_store
from nmt.errors import UserError
from nmt.options import Options
from nmt.text import is_blank
from nmt.tokenizer.base import TokenizerPair

Pairs = list[tuple[str, str]]


class Letters:
    """One id per letter; a sampled segmentation adds the seed to each."""

    vocabulary_size = 1000
    digest = "letters"
    options = Options()

    def reading(self) -> Letters:
        return self

    def encode(self, line: str) -> list[int]:
        return [ord(letter) for letter in line]

    def encode_sampled(self, lines: Sequence[str], seed: int) -> list[list[int]]:
        return [[ord(letter) + seed for letter in line] for line in lines]

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(map(chr, ids))

    def pieces(self, ids: Sequence[int]) -> list[str]:
        return list(self.decode(ids))

    def save(self, path: Path) -> None:
        raise NotImplementedError


LETTERS = Letters()
LETTER_PAIR = TokenizerPair(LETTERS, LETTERS)
lines = st.text("abc", min_size=1, max_size=12)
documents = st.lists(st.lists(st.tuples(lines, lines), min_size=1, max_size=8), min_size=1, max_size=6)


def rows_of(documents: Sequence[Pairs], borders: int = 1) -> Pairs:
    return [row for document in documents for row in (*document, *[("", "")] * borders)]


def write(directory: Path, name: str, pairs: Pairs) -> ParallelFiles:
    directory.mkdir(parents=True, exist_ok=True)
    files = ParallelFiles(directory / f"{name}.en", directory / f"{name}.de")
    for side, path in enumerate(files.sides):
        path.write_text("".join(pair[side] + "\n" for pair in pairs), encoding="utf-8")
    return files


@given(documents, st.integers(1, 40), st.integers(1, 3))
def test_no_sentence_is_lost_and_examples_are_as_long_as_fits(
    documents: list[Pairs], max_length: int, borders: int
) -> None:
    joined = list(joined_sentences(rows_of(documents, borders), LETTERS, LETTERS, max_length))
    found = [[*zip(one.source_text.split("\n"), one.target_text.split("\n"), strict=True)] for one in joined]
    assert [pair for example in found for pair in example] == [pair for document in documents for pair in document]
    assert [one.sentences for one in joined] == list(map(len, found))
    ends = set[int]()  # numbers of the sentences that end a document
    for document in documents:
        ends.add(max(ends, default=0) + len(document))
    number = 0
    for one, after in zip(joined, [*joined[1:], None], strict=True):
        assert one.sentences == 1 or max(len(one.source), len(one.target)) <= max_length
        assert [LETTERS.decode(ids) for ids in separated(one.source)] == one.source_text.split("\n")
        assert [LETTERS.decode(ids) for ids in separated(one.target)] == one.target_text.split("\n")
        number += one.sentences
        if number not in ends:  # the next sentence would not have fitted
            assert after is not None
            first = (separated(after.source)[0], separated(after.target)[0])
            longest = max(len(one.source) + len(first[0]), len(one.target) + len(first[1]))
            assert longest + 1 > max_length
        assert not any(end in ends for end in range(number - one.sentences + 1, number))


@given(st.lists(st.lists(st.integers(4, 9), max_size=5), min_size=1, max_size=6))
def test_joined_ids_come_apart_again(sentences: list[list[int]]) -> None:
    joined = joined_ids(sentences)
    assert joined.count(SEPARATOR) == len(sentences) - 1
    assert separated(joined) == list(map(tuple, sentences))


@given(st.lists(st.sampled_from(["a", "b", "", " ", "\t"]), max_size=20))
def test_documents_are_all_of_the_lines(text: list[str]) -> None:
    found = list(documents_of(text))
    assert [line for document in found for line in document] == text
    for document in found[:-1]:
        assert is_blank(document[-1])
    for document in found[1:]:
        assert not is_blank(document[0])


def test_a_border_on_one_side_only_is_an_error_with_file_and_line() -> None:
    text = ParallelFiles(Path("a.en"), Path("a.de"))
    assert list(checked_borders([("a", "b"), ("", " "), ("c", "d")], text)) == [("a", "b"), ("", " "), ("c", "d")]
    with pytest.raises(UserError, match=r"a\.de:2: expected text, or an empty line also in a\.en.*beside 'x'"):
        list(checked_borders([("a", "b"), ("x", "\t")], text))
    with pytest.raises(UserError, match=r"a\.en:1: "):
        list(checked_borders([("", "b")], text))


def test_a_store_of_joined_sentences(tmp_path: Path) -> None:
    text = write(tmp_path, "text", rows_of([[("a", "bb"), ("aa", "b")], [("c", "d")], [("e" * 9, "f"), ("g", "h")]]))
    assert build_store(text, LETTER_PAIR, tmp_path / "store", borders=True, joined_length=6) == 2
    store = PairStore(tmp_path / "store")
    assert [store.source_text(number) for number in range(len(store))] == ["a\naa", "c", "e" * 9, "g"]
    assert store.target(0).tolist() == [*LETTERS.encode("bb"), SEPARATOR, *LETTERS.encode("b")]
    build_store(text, LETTER_PAIR, tmp_path / "apart", borders=True, joined_length=6, apart=True)
    apart = PairStore(tmp_path / "apart")
    assert [apart.source_text(number) for number in range(len(apart))] == ["a\naa", "a", "aa", "c", "e" * 9, "g"]
    assert build_store(text, LETTER_PAIR, tmp_path / "single", borders=True) == 1
    assert len(PairStore(tmp_path / "single")) == 5


def test_sampled_segmentations_of_joined_lines() -> None:
    assert encode_sampled(LETTERS, ["a\nb", "c"], 1) == [[ord("b"), SEPARATOR, ord("c")], [ord("d")]]


def clean(directory: Path, documents: Sequence[Pairs], held: Pairs, cleaning: Cleaning) -> tuple[Pairs, CleaningReport]:
    raw = RawCorpus(
        training=(write(directory / "raw", "train", rows_of(documents)),),
        validation=write(directory / "raw", "validation", held),
        tests={},
        documents=True,
    )
    report = prepare_corpus(raw, cleaning, ("en", "de"), directory / "clean")
    sides = [(directory / "clean" / f"train.{side}").read_text().split("\n")[:-1] for side in ("en", "de")]
    return list(zip(*sides, strict=True)), report


def test_cleaning_keeps_documents_and_cuts_them_where_it_drops(tmp_path: Path) -> None:
    first, repeat = [("a", "b"), ("c", "d")], [("a", "b"), ("e", "f")]
    broken = [("a", "b"), ("x x x", "y"), ("g", "h"), ("held", "out"), ("i", "j")]
    held = [("held", "out"), ("", ""), ("k", "l")]
    cleaning = Cleaning(max_words=2, overlap="drop")
    found, report = clean(tmp_path, [first, repeat, first, broken, [("x x x", "y")]], held, cleaning)
    # A repeated sentence stays, a repeated document goes.
    assert found == rows_of([first, repeat, [("a", "b")], [("g", "h")], [("i", "j")]])
    assert (report.documents, report.pairs_read, report.pairs_kept) == (5, 12, 7)
    dropped = {rule: found.pairs for rule, found in report.dropped.items() if found.pairs}
    assert dropped == {"max_words": 2, "duplicate": 2, "overlap": 1}
    assert report.sets == {"validation": 3}
    assert (tmp_path / "clean" / "validation.en").read_text() == "held\n\nk\n"


def test_a_share_has_whole_documents(tmp_path: Path) -> None:
    documents = [[(f"{number} {line}", "x" * 5) for line in range(3)] for number in range(60)]
    found, report = clean(tmp_path, documents, [("k", "l")], Cleaning(share=0.5, max_length_ratio=None))
    kept = [document for document in documents if document[0] in found]
    assert found == rows_of(kept)
    assert report.documents == len(kept)
    assert 10 < len(kept) < 50


@pytest.mark.parametrize(
    ("data", "documents", "expected"),
    [
        (Data(), False, []),
        (Data(max_length=5000), False, []),
        (Data(context="document"), True, []),
        (Data(context="document"), False, ["a corpus that says where documents begin"]),
        (Data(context="document", max_length=2000), True, ["at most training.max_length=1024"]),
    ],
)
def test_conflicts(data: Data, documents: bool, expected: list[str]) -> None:
    found = [conflict.expected for conflict in data.conflicts(documents=documents, max_length=1024)]
    assert [text.split(":")[0] for text in found] == expected
