"""Test sets in angle brackets."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.sgm import Segment, read_segment_pairs, read_segments
from nmt.errors import UserError
from nmt.text import clean_line
from tests.wmt14_archives import sgm


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_by_hand(tmp_path: Path) -> None:
    text = (
        '<refset setid="newstest2014" srclang="any" trglang="de">\r\n'
        '<doc sysid="ref" docid="1001-bbc" genre="news" origlang="en">\r\n<p>\r\n'
        '<seg id="1">Obama &amp; Merkel: &quot;ja&quot; &#39;so&#39;</seg>\r\n'
        '<seg id="2">  AT&T und 2 < 3,\ta.b/?x=1&copy=2&amp;lt;  </seg>\r\n</p>\r\n</doc>\r\n'
        "<DOC docid=plain sysid=ref><hl><seg id=3>Zwei\nZeilen\u2028hier</seg></hl>\r\n"
        '<p><seg id="4"></seg><seg id="5">gut</seg></p></DOC></refset>\r\n'
    )
    assert list(read_segments(write(tmp_path / "a.sgm", text))) == [
        Segment("1001-bbc", "1", "Obama & Merkel: \"ja\" 'so'"),
        Segment("1001-bbc", "2", "AT&T und 2 < 3, a.b/?x=1&copy=2&lt;"),
        Segment("plain", "3", "Zwei Zeilen hier"),
        Segment("plain", "4", ""),
        Segment("plain", "5", "gut"),
    ]


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=8))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, sentences: list[str]) -> None:
    path = write(tmp_path_factory.mktemp("sgm") / "a.sgm", sgm(sentences))
    assert [clean_line(segment.text) for segment in read_segments(path)] == list(map(clean_line, sentences))


def test_an_open_segment_is_an_error(tmp_path: Path) -> None:
    for text in ('<doc docid="d"><seg id="1">a<seg id="2">b</seg>', '<doc docid="d"><seg id="1">a</seg><seg id="2">b'):
        with pytest.raises(UserError, match=r"a\.sgm \(document d\): expected </seg>"):
            list(read_segments(write(tmp_path / "a.sgm", text)))


def test_sides_of_different_length_say_where_they_part(tmp_path: Path) -> None:
    whole = sgm(["a", "b", "c", "d", "e"])
    source = write(tmp_path / "source.sgm", whole)
    target = write(tmp_path / "target.sgm", whole.replace('<seg id="1">d</seg>\n', ""))
    with pytest.raises(
        UserError, match="5 and 4; they first differ at segment 4, which is 1 of document news/3 in the first"
    ):
        read_segment_pairs(source, target)
    target = write(tmp_path / "target.sgm", sgm(["a", "b", "c", "d"]))
    with pytest.raises(UserError, match="segment 5, which is 2 of document news/3 in the first and missing in the sec"):
        read_segment_pairs(source, target)
    assert list(read_segment_pairs(target, target)) == [(text, text) for text in "abcd"]


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('<seg id="3">', '<seg id="4">', "segment 3.* is 3 of document news/0.* and 4 of"),
        ("news/3", "news/4", "segment 4.* is 1 of document news/3.* and 1 of document news/4"),
    ],
)
def test_sides_of_one_length_are_paired_by_their_ids(tmp_path: Path, old: str, new: str, place: str) -> None:
    """Each side may have lost another sentence: as many are left on both."""
    whole = sgm(["a", "b", "c", "d"])
    source, target = write(tmp_path / "source.sgm", whole), write(tmp_path / "target.sgm", whole.replace(old, new))
    with pytest.raises(UserError, match=rf"source\.sgm and .*target\.sgm: expected the same segments.*{place}"):
        read_segment_pairs(source, target)


def test_segments_without_ids_are_paired_by_their_order(tmp_path: Path) -> None:
    source = write(tmp_path / "source.sgm", "<seg>a</seg><seg>b</seg>")
    target = write(tmp_path / "target.sgm", "<seg>A</seg><seg>B</seg>")
    assert list(read_segment_pairs(source, target)) == [("a", "A"), ("b", "B")]
