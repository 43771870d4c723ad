"""Our byte-pair encoding beside the original program, and the files that it reads. fastBPE itself: tests/parity."""

from __future__ import annotations

import gzip
import io
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.errors import UserError
from nmt.tokenizer.bpe import BPE, CodesFormat, Merges, read_merges

WORDS = st.text(alphabet="abcdé", max_size=12)
PAIRS = st.lists(
    st.tuples(st.text(alphabet="abcdé", min_size=1, max_size=3), st.text(alphabet="abcdé", min_size=1, max_size=3)),
    min_size=1,
    max_size=30,
)


def with_ends(pairs: list[tuple[str, str]], separate: bool) -> tuple[tuple[str, str], ...]:
    """The same merges, and each also at the end of a word, in both ways to write that."""
    ends = [(left + right, "</w>") for left, right in pairs] if separate else [(a, f"{b}</w>") for a, b in pairs]
    return tuple(pair for both in zip(pairs, ends, strict=True) for pair in both)


@pytest.mark.parametrize("separate_end", [True, False])
@given(pairs=PAIRS, words=st.lists(WORDS.filter(bool), min_size=1, max_size=6))
def test_as_subword_nmt_cuts(separate_end: bool, pairs: list[tuple[str, str]], words: list[str]) -> None:
    merges = Merges(with_ends(pairs, separate_end), separate_end)
    header = "" if separate_end else "#version: 0.2\n"
    theirs = their_bpe(header + "".join(f"{left} {right}\n" for left, right in merges.pairs))
    bpe = BPE(merges)
    ours = " ".join("@@ ".join(bpe.cut(word)) for word in words)
    assert ours == theirs.process_line(" ".join(words))


@given(word=WORDS, pairs=PAIRS, separate_end=st.booleans())
def test_pieces_joined_give_the_word(word: str, pairs: list[tuple[str, str]], separate_end: bool) -> None:
    assert "".join(BPE(Merges(with_ends(pairs, separate_end), separate_end)).cut(word)) == word


def test_as_subword_nmt_cuts_multi30k(multi30k: Path, tmp_path: Path) -> None:
    from subword_nmt.learn_bpe import learn_bpe

    with gzip.open(multi30k / "train.de.gz", "rt", encoding="utf-8") as lines:
        text = [line.rstrip("\n") for line in islice(lines, 1500)]
    codes = io.StringIO()
    learn_bpe(io.StringIO("\n".join(text[:1000])), codes, 500)
    path = tmp_path / "codes"
    path.write_text(codes.getvalue(), encoding="utf-8")
    ours, theirs = BPE(read_merges(path, "subword_nmt")), their_bpe(codes.getvalue())
    cut = [" ".join("@@ ".join(ours.cut(word)) for word in line.split()) for line in text]
    assert cut == [" ".join(theirs.process_line(line).split()) for line in text]
    assert any("@@" in line for line in cut)
    (tmp_path / "fast").write_text("".join(f"{line} 7\n" for line in codes.getvalue().splitlines()[1:]), "utf-8")
    assert read_merges(tmp_path / "fast", "fastbpe") == read_merges(path, "subword_nmt")


def test_of_a_merge_listed_twice_the_first_place_counts() -> None:
    pairs = (("a", "b"), ("b", "c</w>"), ("a", "b"))
    assert BPE(Merges(pairs)).cut("abc") == ("ab", "c")


def test_versions(tmp_path: Path) -> None:
    for header, separate in (("", True), ("#version: 0.1\n", True), ("#version: 0.2\n", False)):
        path = tmp_path / "codes"
        path.write_bytes(f"{header}a b\r\nab c</w>\r\n".encode())
        assert read_merges(path, "subword_nmt") == Merges((("a", "b"), ("ab", "c</w>")), separate)


@pytest.mark.parametrize(
    ("form", "text", "message"),
    [
        ("subword_nmt", "a b\na b 17\n", r"codes:2: expected two symbols .* got 'a b 17'.*This looks like fastbpe"),
        ("fastbpe", "#version: 0.2\na b\n", r"codes:1: .*This looks like subword_nmt"),
        ("fastbpe", "a b 17\na b\n", r"codes:2: expected two symbols and their count"),
        ("subword_nmt", "a b\n\n", "codes:2"),
        ("subword_nmt", "a  b\n", "codes:1"),
        ("subword_nmt", "#version: 0.3\na b\n", r"codes:1: expected `#version: 0\.1`"),
        ("subword_nmt", "#version: new\na b\n", "codes:1"),
        ("subword_nmt", "#version: 0.2\n", "codes: expected merges"),
        ("fastbpe", "", "codes: expected merges"),
    ],
)
def test_a_damaged_file_is_named_with_its_line(form: CodesFormat, text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "codes"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_merges(path, form)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        read_merges(tmp_path / "nowhere", "fastbpe")


def their_bpe(codes: str) -> Any:
    from subword_nmt.apply_bpe import BPE as Theirs  # noqa: N811

    return Theirs(io.StringIO(codes))
