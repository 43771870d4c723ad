"""Figures of runs as a table: means and differences by hand, and what is missing or failed said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nmt.study.events import Failed
from nmt.study.output import write_results
from nmt.study.plan import Plan
from nmt.study.state import State
from nmt.study.table import Table, table_of
from tests.study_files import STUDY, finish, load, results

SCORES = {"narrow": (40.0, 44.0), "wide": (45.0, 48.0)}
"""By seed."""


def finished(plan: Plan, *, failed: str = "") -> State:
    """All runs, but the named one."""
    state = State(plan.directory)
    for cell in plan.cells():
        name = cell.variant.name
        if str(cell) == failed:
            state.record(cell, Failed("training, update 4:\nexpected a finite gradient"))
        else:
            score = SCORES[name][cell.seed - 1]
            translation = "good" if name == "wide" else "bad"
            finish(cell, state, {"chrf": score}, translation=translation, seconds=60.0 if name == "wide" else 90.0)
    return state


def table(plan: Plan, state: State) -> Table:
    return table_of(results(plan, state))


def test_means_deviations_and_differences(tmp_path: Path) -> None:
    published = "published: {wide: {value: 50.25, source: 'A | B 2014'}}\nalso: [loss]\n"
    plan = load(tmp_path, STUDY + published)
    found = table(plan, finished(plan))
    assert found.title == "A wider model is better."
    assert found.heading == "chrF on mine (higher is better), mean ± standard deviation over the seeds 1, 2."
    columns = ["system", "chrF", "difference", "p", "validation loss", "parameters", "training time", "published"]
    assert found.columns == columns
    narrow, wide = found.rows
    assert narrow == ["narrow", "42.0 ± 2.8", "", "", "2.000 ± 0.000", "1,000", "1 min 30 s", ""]
    assert wide[:3] == ["wide", "46.5 ± 2.1", "+4.5"]
    assert float(wide[3]) < 0.01  # one translation is the reference, the other the words backwards
    assert wide[4:] == ["2.000 ± 0.000", "1,000", "1 min 00 s", "50.25 [1]"]
    assert "Differences larger than the standard deviation over the seeds: wide (+4.5 at ± 2.5)." in found.notes
    assert found.notes[-1] == "[1] A | B 2014"
    assert "\n| wide | 46.5 ± 2.1 | +4.5 |" in found.markdown()
    assert "- [1] A \\| B 2014\n" in found.markdown()


def test_a_difference_within_the_deviation_is_said_to_be(tmp_path: Path) -> None:
    plan = load(tmp_path, STUDY)
    state = State(plan.directory)
    for cell, score in zip(plan.cells(), (40.0, 41.0, 44.0, 43.0), strict=True):
        finish(cell, state, {"chrf": score})
    notes = table(plan, state).notes
    assert "Differences no larger than the standard deviation over the seeds: wide (+0.0 at ± 2.2)." in notes


def test_a_failure_and_what_is_missing_are_in_the_table(tmp_path: Path) -> None:
    plan = load(tmp_path, STUDY)
    state = finished(plan, failed="wide, seed 2")
    found = table(plan, state)
    assert found.rows[1][1] == "45.0 (1 of 2 runs)"
    assert "Failed: wide, seed 2: training, update 4: expected a finite gradient" in found.notes
    plan = load(tmp_path, STUDY.replace("[1, 2]", "[1, 2, 3]"))
    found = table(plan, State(plan.directory))
    assert found.rows[0][1] == "42.0 ± 2.8 (2 of 3 runs)"
    assert "2 of 6 runs have not finished." in found.notes


def test_nothing_finished_is_a_table_too(tmp_path: Path) -> None:
    plan = load(tmp_path, STUDY)
    found = table(plan, State(plan.directory))
    assert found.rows == [["narrow", "– (0 of 2 runs)", "–", "–"], ["wide", "– (0 of 2 runs)", "–", "–"]]
    assert not plan.directory.exists()


def test_a_run_with_other_settings_or_other_text_does_not_count(tmp_path: Path) -> None:
    plan = load(tmp_path, STUDY)
    finished(plan)
    changed = load(tmp_path, STUDY.replace("32", "24"))
    assert table(changed, State(plan.directory)).rows[1][1] == "– (0 of 2 runs)"
    assert table(changed, State(plan.directory)).rows[0][1] == "42.0 ± 2.8"
    same = load(tmp_path, STUDY)
    (tmp_path / "train.tsv").write_text("another\ttext\n", encoding="utf-8")
    assert table(same, State(plan.directory)).rows[0][1] == "– (0 of 2 runs)"


def test_updates_to_a_loss_count_runs_that_reach_it(tmp_path: Path) -> None:
    plan = load(tmp_path, STUDY.replace("chrf", "{kind: updates_to, name: loss, value: 2.5}"))
    state = State(plan.directory)
    losses: list[tuple[float | None, ...]] = [(3.0, 2.0), (2.4, 2.0), (3.0, 2.6), (None, 2.5)]
    for cell, of_run in zip(plan.cells(), losses, strict=True):
        finish(cell, state, {"chrf": 1.0}, losses=of_run)
    found = table(plan, state)
    assert found.columns[1] == "updates to loss 2.5"
    assert [row[1] for row in found.rows] == ["8 (1 of 2 runs)", "6 ± 3"]
    assert "Runs that did not reach the value are left out of the mean." in found.notes


def test_strategies_of_the_corpus_stand_below_the_systems(tmp_path: Path) -> None:
    plan = load(tmp_path, STUDY)
    state = State(plan.directory)
    for cell in plan.cells():
        finish(cell, state, {"chrf": 40.0}, yardsticks={"guessing": 12.5, "best": 100.0 + cell.seed % 2})
    rows = table(plan, state).rows
    assert rows[2][:2] == ["guessing", "12.5"]
    assert rows[3][:2] == ["best (narrow; wide)", "101.0"]
    assert {len(row) for row in rows} == {len(rows[0])}


@pytest.mark.parametrize(("tolerance", "told"), [(0.1, True), (0.5, False)])
def test_unequal_training_times_are_reported(tmp_path: Path, tolerance: float, told: bool) -> None:
    plan = load(tmp_path, f"{STUDY}compare: time\ntime_tolerance: {tolerance}\n")
    found = table(plan, finished(plan))
    assert "Compared at equal training times." in found.heading
    assert ("Unequal times: wide took 33% less than narrow." in found.notes) == told


def test_results_are_plain_data(tmp_path: Path) -> None:
    plan = load(tmp_path, STUDY)
    state = finished(plan, failed="wide, seed 2")
    found = results(plan, state)
    write_results(found, table_of(found), plan.directory)
    plain = json.loads((plan.directory / "study.json").read_text(encoding="utf-8"))
    wide = plain["systems"][1]
    assert wide["difference"]["value"] == 3.0
    assert wide["difference"]["p"] == wide["difference"]["p_by_seed"]["1"]
    assert wide["measured"] == [{"label": "chrF", "count": 1, "mean": 45.0, "deviation": None}]
    assert [run["finished"] for run in wide["runs"]] == [True, False]
    assert wide["runs"][0]["folder"] == "tiny_en_xx/wide_seed_1"
    assert (plan.directory / "table.md").read_text(encoding="utf-8").startswith("# A wider model is better.\n\n")


def test_equal_translations_differ_by_chance(tmp_path: Path) -> None:
    plan = load(tmp_path, STUDY)
    state = State(plan.directory)
    for cell in plan.cells():
        finish(cell, state, {"chrf": 40.0})
    assert table(plan, state).rows[1][2:4] == ["+0.0", "1.000"]


def test_p_values_are_kept(tmp_path: Path) -> None:
    plan = load(tmp_path, STUDY)
    state = finished(plan)
    first = results(plan, state)
    state.write()
    again = State(plan.directory)
    assert again.tests == state.tests != {}
    assert results(plan, again).systems[1].difference == first.systems[1].difference
