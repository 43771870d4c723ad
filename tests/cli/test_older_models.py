"""A model directory of an earlier version translates the same bytes.

tests/fixtures/model_of_0676c51 was written by commit 0676c51: a pre-norm Transformer of width 16 that has learnt to
copy, 20 lines, and what `nmt translate --precision fp32` made of them with beams of 1 and 4.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import succeed

OLDER = Path(__file__).parents[1] / "fixtures" / "model_of_0676c51"


@pytest.mark.parametrize("beam", [1, 4])
def test_it_translates_the_same_bytes(beam: int) -> None:
    lines = (OLDER / "source.en").read_bytes()
    found = succeed("translate", OLDER / "model", "--precision", "fp32", "--beam", beam, given=lines)
    assert found.encode() == (OLDER / f"beam_{beam}.de").read_bytes()
