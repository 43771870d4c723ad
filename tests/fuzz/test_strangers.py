"""A few of the cases of `python -m tests.fuzz.strangers`, the same ones in each run."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz.strangers import MakeCases, Tally, imports, model_directories, opened, outputs, recipes


@pytest.mark.slow
@pytest.mark.parametrize(("make", "cases"), [(model_directories, 24), (imports, 16), (recipes, 12)])
def test_files_of_strangers_are_read_or_refused(make: MakeCases, cases: int, tmp_path: Path) -> None:
    tally = Tally()
    for case, arguments, lines in make(random.Random(7), cases, tmp_path):
        tally.count(case, arguments, lines, {})
    assert tally.faults == []
    assert tally.right + tally.refused == cases


@pytest.mark.slow
def test_wherever_output_goes(tmp_path: Path) -> None:
    tally = Tally()
    for case, arguments, kinds in outputs(random.Random(7), 20, tmp_path):
        with opened(*kinds) as streams:
            tally.count(case, arguments, None, streams)
    assert tally.faults == []
