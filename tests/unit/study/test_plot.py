"""Figures exist, with names and values in them; what they need may be absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmt.study.plan import Plan
from nmt.study.plot import draw
from nmt.study.state import State
from tests.study_files import STUDY, finish, load, results

pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")

GRID = STUDY.replace("wide: {", "grown: {") + "grid: {training.batch_tokens: [64, 128, 4096]}\n"


def drawn(plan: Plan, *, finished: bool = True) -> dict[str, str]:
    """The files by their names; the text of those that are text."""
    state = State(plan.directory)
    for number, cell in enumerate(plan.cells() if finished else []):
        finish(cell, state, {"chrf": 40.0 + number}, losses=(3.0, 2.0 + number % 3, None), yardsticks={"guessing": 9.0})
    plan.directory.mkdir(parents=True, exist_ok=True)
    paths = draw(results(plan, state), plan.directory)
    assert all(path.stat().st_size for path in paths)
    return {path.name: path.read_text(encoding="utf-8") if path.suffix == ".svg" else "" for path in paths}


def test_curves_and_bars(tmp_path: Path) -> None:
    found = drawn(load(tmp_path, STUDY + "published: {wide: {value: 50, source: s}}\n"))
    assert list(found) == ["curves.png", "curves.svg", "bars.png", "bars.svg"]
    for words in ("updates", "validation loss", "narrow", "wide"):
        assert f">{words}<" in found["curves.svg"]
    for words in ("chrF on mine (higher is better)", "41.0 ± 1.4", "42.0 ± 1.4", "one seed", "published", "guessing"):
        assert f">{words}<" in found["bars.svg"]
    assert drawn(load(tmp_path, STUDY + "published: {wide: {value: 50, source: s}}\n")) == found


def test_lines_over_an_axis_of_the_grid(tmp_path: Path) -> None:
    found = drawn(load(tmp_path, GRID + "plot: {x: training.batch_tokens}\n"))
    assert list(found) == ["curves.png", "curves.svg", "lines.png", "lines.svg"]
    for words in ("batch tokens", "64", "4096", "narrow", "grown"):
        assert f">{words}<" in found["lines.svg"]


def test_nothing_finished_draws_nothing(tmp_path: Path) -> None:
    assert drawn(load(tmp_path), finished=False) == {}
