"""Pairs of lines: none is ever shifted against its partner."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.data.pairs import ParallelFiles, read_pairs
from nmt.errors import UserError

lines = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\ufeff"), max_size=4), max_size=8)


@given(lines, lines)
def test_pairs_or_the_place_of_disagreement(
    tmp_path_factory: pytest.TempPathFactory, source: list[str], target: list[str]
) -> None:
    directory = tmp_path_factory.mktemp("pairs", numbered=True)
    files = ParallelFiles(directory / "a.en", directory / "b.de")
    files.source.write_bytes("".join(f"{line}\n" for line in source).encode())
    files.target.write_bytes(gzip.compress("".join(f"{line}\n" for line in target).encode()))
    if len(source) == len(target):
        assert list(read_pairs(files)) == list(zip(source, target, strict=True))
        return
    with pytest.raises(UserError) as caught:
        list(read_pairs(files))
    longer, shorter = sorted([(len(source), files.source), (len(target), files.target)], reverse=True)
    message = f"{longer[0]} lines in {longer[1]} and {shorter[0]} in {shorter[1]}"
    assert f"{message}: line {shorter[0] + 1} of {longer[1]} has no partner" in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x\n")
    with pytest.raises(UserError, match="absent"):
        list(read_pairs(ParallelFiles(tmp_path / "a", tmp_path / "absent")))
