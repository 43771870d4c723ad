"""Cleaning: what is dropped is counted, what stays is in order, and tests lose nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.data.clean import RULES, Cleaning, CleaningReport, prepare_corpus
from nmt.data.duplicates import DuplicateFinder
from nmt.data.pairs import MonolingualFile, ParallelFiles, RawCorpus
from nmt.errors import UserError
from nmt.text import clean_line

Pairs = list[tuple[str, str]]


def write(directory: Path, name: str, pairs: Pairs) -> ParallelFiles:
    directory.mkdir(exist_ok=True, parents=True)
    files = ParallelFiles(directory / f"{name}.a", directory / f"{name}.b")
    files.source.write_bytes("".join(source + "\n" for source, _ in pairs).encode())
    files.target.write_bytes("".join(target + "\n" for _, target in pairs).encode())
    return files


def prepare(directory: Path, training: list[Pairs], cleaning: Cleaning, held: Pairs) -> CleaningReport:
    raw = RawCorpus(
        training=tuple(write(directory / "raw", f"train{i}", pairs) for i, pairs in enumerate(training)),
        validation=write(directory / "raw", "validation", held),
        tests={"test_a": write(directory / "raw", "test", held)},
    )
    return prepare_corpus(raw, cleaning, ("en", "de"), directory / "clean")


def read(directory: Path, name: str) -> Pairs:
    sides = [(directory / "clean" / f"{name}.{language}").read_bytes().decode() for language in ("en", "de")]
    return list(zip(*(side.split("\n")[:-1] for side in sides), strict=True))


def test_each_rule_by_hand(tmp_path: Path) -> None:
    first = [("one two", "eins zwei"), ("", "leer"), ("\x00 \t", "x"), ("a b c d", "x"), ("abcdefghijk", "abcdefghij")]
    second = [
        ("one  two", "eins\x07zwei"),
        ("abcdefghij", "ab"),
        ("ab", "abcdef"),
        ("one two", "eins drei"),
        ("a b c", "abcde"),
    ]
    cleaning = Cleaning(max_words=3, max_characters=10, max_length_ratio=3.0, max_word_ratio=2.0)
    held = [("", "x"), ("a b c d e f", "a")]
    for leftover in (".train.en.123.part", ".cleaning/digests.0"):  # of a run that was killed
        (tmp_path / "clean" / leftover).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "clean" / leftover).write_text("half")
    report = prepare(tmp_path, [first, second], cleaning, held)
    assert read(tmp_path, "train") == [("one two", "eins zwei"), ("ab", "abcdef"), ("one two", "eins drei")]
    assert read(tmp_path, "validation") == read(tmp_path, "test_a") == held
    counts = {rule: dropped.pairs for rule, dropped in report.dropped.items()}
    assert counts == {
        "empty": 2,
        "encoding": 0,
        "max_characters": 1,
        "max_words": 1,
        "max_length_ratio": 1,
        "max_word_ratio": 1,
        "duplicate": 1,
        "overlap": 0,
        "share": 0,
    }
    assert tuple(counts) == RULES
    raw = tmp_path / "raw"
    assert report.dropped["empty"].examples == (f"{raw}/train0.a:2", f"{raw}/train0.a:3")
    assert report.dropped["duplicate"].examples == (f"{raw}/train1.a:1",)
    assert (report.pairs_read, report.pairs_kept, report.pairs_changed) == (10, 3, 1)
    assert report.sets == {"validation": 2, "test_a": 2}
    assert report == CleaningReport.model_validate_json(report.model_dump_json())
    assert report.rows()[0] == ("read", "10", "")
    assert {path.name for path in (tmp_path / "clean").iterdir()} == {
        f"{name}.{language}" for name in ("train", "validation", "test_a") for language in ("en", "de")
    }


text = st.text(st.sampled_from("ab \x00\u00a0u\u0308\u2028\r\x85"), max_size=4)
pairs = st.lists(st.tuples(text, text), max_size=12)


@given(pairs, pairs)
def test_laws(tmp_path_factory: pytest.TempPathFactory, training: Pairs, held: Pairs) -> None:
    directory = tmp_path_factory.mktemp("laws", numbered=True)
    training, held = [("ab", "ba"), *training], [*held, ("a", "")]
    report = prepare(directory, [training], Cleaning(), held)
    clean = [(clean_line(source), clean_line(target)) for source, target in training]
    # Every pair without fault, once, where it first occurred.
    assert read(directory, "train") == list(dict.fromkeys(pair for pair in clean if all(pair)))
    assert read(directory, "test_a") == [(clean_line(source), clean_line(target)) for source, target in held]
    assert report.pairs_read == len(training)
    assert report.pairs_kept + sum(dropped.pairs for dropped in report.dropped.values()) == report.pairs_read
    assert not prepare(directory, [training], Cleaning(deduplicate=False), held).dropped["duplicate"].pairs


def test_what_nobody_can_see_is_empty(tmp_path: Path) -> None:
    unseen = ["\u200b", "\u00ad", "\ufeff", "\u200d", "\u2060 \u200e"]
    report = prepare(tmp_path, [[("a", "b"), *((line, "x") for line in unseen)]], Cleaning(), [("a", "a")])
    assert (report.dropped["empty"].pairs, report.pairs_kept) == (len(unseen), 1)


def test_pairs_that_are_held_are_counted_and_dropped_on_request(tmp_path: Path) -> None:
    training = [("a", "b"), ("a\u200b", " b"), ("a", "other"), ("c", "d"), ("e", "f")]
    held = [("a", "b"), ("c", "x"), ("", "")]
    kept: dict[Literal["keep", "drop", "drop_sources"], list[str]] = {
        "keep": ["b", "other", "d", "f"],
        "drop": ["other", "d", "f"],
        "drop_sources": ["f"],
    }
    for overlap, targets in kept.items():
        report = prepare(tmp_path / overlap, [training], Cleaning(overlap=overlap), held)
        assert [target for _, target in read(tmp_path / overlap, "train")] == targets
        found = report.overlap["validation"]
        assert (found.pairs, found.sources) == (1, 3)
        assert report.dropped["overlap"].pairs == 4 - len(targets)
        assert ("validation", "3", "1 training pairs are the same, 3 have the same source") in report.rows()


def test_lines_of_one_language_go_through_the_same_rules(tmp_path: Path) -> None:
    lines = {"train": ["a  b", "", "a b", "c", "d" * 11, "e f g h", "x\u200b", "gr\ufffd"], "held": ["x", "", "c"]}
    for name, of_set in lines.items():
        (tmp_path / name).write_bytes("".join(line + "\n" for line in of_set).encode())
    held = MonolingualFile(tmp_path / "held")
    raw = RawCorpus((MonolingualFile(tmp_path / "train"),), held, {"test_a": held})
    cleaning = Cleaning(max_words=3, max_characters=10, max_length_ratio=1.0, max_word_ratio=1.0, overlap="drop")
    report = prepare_corpus(raw, cleaning, ("de",), tmp_path / "clean")
    assert (tmp_path / "clean" / "train.de").read_text() == "a b\n"
    assert (tmp_path / "clean" / "validation.de").read_text() == "x\n\nc\n"
    counts = {rule: dropped.pairs for rule, dropped in report.dropped.items() if dropped.pairs}
    assert counts == {"empty": 1, "encoding": 1, "max_characters": 1, "max_words": 1, "duplicate": 1, "overlap": 2}
    assert report.dropped["empty"].examples == (f"{tmp_path / 'train'}:2",)
    assert report.unit == "lines"
    assert ("validation", "3", "2 training lines are the same") in report.rows()
    assert ("lines with characters normalised", "2", "") in report.rows()


def test_a_text_of_one_language_that_is_empty(tmp_path: Path) -> None:
    empty = MonolingualFile(tmp_path / "empty")
    empty.target.write_text("")
    with pytest.raises(UserError, match="empty: expected at least one line, got an empty file"):
        prepare_corpus(RawCorpus((empty,), empty, {}), Cleaning(), ("de",), tmp_path / "clean")


def latin1(directory: Path, name: str, pairs: Pairs) -> ParallelFiles:
    files = write(directory, name, pairs)
    files.target.write_bytes("".join(target + "\n" for _, target in pairs).encode("latin-1"))
    return files


def test_damaged_lines_are_dropped_and_named(tmp_path: Path) -> None:
    good = [(f"line {number}", f"Zeile für {number}") for number in range(50)]
    files = write(tmp_path, "train", good)
    with files.target.open("ab") as target, files.source.open("ab") as source:
        target.write("f\xfcr\n".encode("latin-1"))
        source.write(b"for\n")
    raw = RawCorpus(training=(files,), validation=write(tmp_path, "validation", good[:2]), tests={})
    report = prepare_corpus(raw, Cleaning(), ("en", "de"), tmp_path / "clean")
    assert report.dropped["encoding"].examples == (f"{files.target}:51",)
    assert report.pairs_kept == 50


@pytest.mark.parametrize("name", ["train", "validation"])
def test_a_file_in_another_encoding_is_refused(tmp_path: Path, name: str) -> None:
    pairs = [(f"line {number}", f"Zeile {'für' if number % 3 else 'und'} {number}") for number in range(60)]
    raw = RawCorpus(
        training=((latin1 if name == "train" else write)(tmp_path, "train", pairs),),
        validation=(latin1 if name == "validation" else write)(tmp_path, "validation", pairs),
        tests={},
    )
    with pytest.raises(
        UserError, match=rf"{name}\.b:2: expected text in UTF-8, .* in 40 of 40 lines .*iconv -f LATIN1"
    ):
        prepare_corpus(raw, Cleaning(), ("en", "de"), tmp_path / "clean")
    assert not (tmp_path / "clean" / "train.en").exists()


def test_nothing_left_or_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none of 2 \(empty 2\)"):
        prepare(tmp_path, [[("", "a"), ("a", "")]], Cleaning(), [("a", "a")])
    with pytest.raises(UserError, match="no line at all"):
        prepare(tmp_path, [[]], Cleaning(), [("a", "a")])
    with pytest.raises(UserError, match="at least one pair"):
        prepare(tmp_path, [[("a", "a")]], Cleaning(), [])
    assert not (tmp_path / "clean" / "train.en").exists()


def test_sides_of_different_length_leave_nothing_behind(tmp_path: Path) -> None:
    raw = RawCorpus(
        training=(write(tmp_path, "t", [("a", "b")] * 3),), validation=write(tmp_path, "v", [("a", "b")]), tests={}
    )
    raw.training[0].target.write_text("b\nb\n")
    with pytest.raises(UserError, match=r"3 lines in .*t\.a and 2 in .*t\.b: line 3"):
        prepare_corpus(raw, Cleaning(), ("en", "de"), tmp_path / "clean")
    assert {path.name for path in (tmp_path / "clean").iterdir()} == {"validation.en", "validation.de"}


@given(st.lists(st.integers(0, 40), max_size=60))
def test_repeats_are_those_after_the_first(tmp_path_factory: pytest.TempPathFactory, numbers: list[int]) -> None:
    with DuplicateFinder(tmp_path_factory.mktemp("finder", numbered=True)) as finder:
        for number in numbers:
            finder.add(str(number), "x")
        assert list(finder.repeats()) == [number in numbers[:i] for i, number in enumerate(numbers)]


def test_repeats_across_many_buffers(tmp_path: Path) -> None:
    with DuplicateFinder(tmp_path) as finder:
        for number in range(50_000):
            finder.add(str(number % 33_333), str(number % 33_333))
        assert list(finder.repeats()) == [number >= 33_333 for number in range(50_000)]


def test_the_boundary_between_the_sides_counts(tmp_path: Path) -> None:
    with DuplicateFinder(tmp_path) as finder:
        finder.add("ab", "c")
        finder.add("a", "bc")
        assert list(finder.repeats()) == [False, False]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.05, 1.0), min_size=2, max_size=2).map(sorted))
def test_a_smaller_share_is_part_of_a_larger_one(tmp_path_factory: pytest.TempPathFactory, shares: list[float]) -> None:
    pairs = [(f"{number}", f"-{number}") for number in range(1500)]
    directory, kept = tmp_path_factory.mktemp("share"), list[set[tuple[str, str]]]()
    for share in shares:
        report = prepare(directory, [pairs], Cleaning(share=share), pairs[:3])
        found = read(directory, "train")
        assert found == [pair for pair in pairs if pair in set(found)], "in order"
        assert abs(len(found) - share * len(pairs)) < 5 * (len(pairs) * share * (1 - share)) ** 0.5 + 1
        assert report.dropped["share"].pairs == len(pairs) - len(found)
        kept.append(set(found))
    assert kept[0] <= kept[1]
