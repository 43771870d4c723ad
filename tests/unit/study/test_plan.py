"""A study file as systems, runs and baselines, or as a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmt.errors import UserError
from nmt.study.check import check
from nmt.study.plan import Plan
from tests.study_files import STUDY, load

GRID = """\
recipe: small.yaml
settings: {training.updates: 5}
systems:
  A: {}
  B: {training.updates: 6}
grid:
  model.model_dim: [8, 16]
  model.decoder_mixer: {attends: {kind: attention}, recurs: {kind: ssru}}
seeds: [3]
measure: {kind: validation, name: loss}
"""


def names(plan: Plan) -> list[str]:
    return [variant.name for variant in plan.variants]


def test_every_system_runs_with_every_seed(tmp_path: Path) -> None:
    plan = load(tmp_path)
    cells = plan.cells()
    assert [str(cell) for cell in cells] == ["narrow, seed 1", "wide, seed 1", "narrow, seed 2", "wide, seed 2"]
    assert [cell.recipe.training.seed for cell in cells] == [1, 1, 2, 2]
    assert [cell.recipe.model.model_dump()["model_dim"] for cell in cells] == [16, 32, 16, 32]
    assert cells[3].directory == tmp_path / "runs/studies/widths/tiny_en_xx/wide_seed_2"
    assert [plan.baseline_of(variant).name for variant in plan.variants] == ["narrow", "narrow"]


def test_a_grid_is_a_product_whose_points_have_their_own_baseline(tmp_path: Path) -> None:
    plan = load(tmp_path, GRID)
    assert names(plan)[:4] == [
        "A, model_dim 8, attends",
        "A, model_dim 8, recurs",
        "A, model_dim 16, attends",
        "A, model_dim 16, recurs",
    ]
    assert len(names(plan)) == 8
    last = plan.variants[-1]
    assert plan.baseline_of(last).name == "A, model_dim 16, recurs"
    recipe = plan.recipes[last.name]
    assert recipe.training.updates == 6
    assert recipe.model.model_dump()["decoder_mixer"]["kind"] == "ssru"
    assert plan.recipes["A, model_dim 8, attends"].training.updates == 5


def test_values_without_names_are_named_by_their_kind_or_themselves(tmp_path: Path) -> None:
    axes = "grid: {model.decoder_mixer: [{kind: attention}, {kind: ssru}], training.label_smoothing: [0, 0.5]}"
    baseline = "decoder_mixer ssru, label_smoothing 0"
    plan = load(tmp_path, f"recipe: small.yaml\n{axes}\nseeds: [1]\nmeasure: loss\nbaseline: {baseline}\n")
    assert names(plan)[0] == "decoder_mixer attention, label_smoothing 0"
    assert plan.baseline_of(plan.variants[0]).name == baseline


def test_names_of_any_kind_become_different_folders(tmp_path: Path) -> None:
    systems = ["A b", "a_b", "../../etc", "名" * 90, "|", "*"]
    quoted = "".join(f'  "{name}":\n' for name in systems)
    plan = load(tmp_path, f"recipe: small.yaml\nsystems:\n{quoted}seeds: [1]\nmeasure: bleu\n")
    folders = [cell.directory for cell in plan.cells()]
    assert len(set(folders)) == len(systems)
    assert {folder.parent for folder in folders} == {tmp_path / "runs/studies/widths/tiny_en_xx"}
    assert max(len(folder.name.encode()) for folder in folders) < 200


def test_a_shipped_recipe_is_known_by_name(tmp_path: Path) -> None:
    plan = load(tmp_path, STUDY.replace("small.yaml", "phrasebook_en_de/transformer_tiny"))
    assert plan.recipes["wide"].corpus.kind == "phrasebook"


def message(folder: Path, study: str) -> str:
    with pytest.raises(UserError) as caught:
        check(load(folder, study))
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("study", "parts"),
    [
        ("", ["widths.yaml: expected a study, got an empty file", "systems: {A: {}"]),
        ("- a\n", ["widths.yaml: expected a mapping of sections (recipe, systems, measure, …)"]),
        ("measure: bleu\n", ["widths.yaml: expected `systems` to compare, or a `grid`"]),
        (STUDY.replace("measure: chrf\n", ""), ["widths.yaml: measure: expected a value, got nothing"]),
        (STUDY.replace("chrf", "blue"), ["widths.yaml:7: measure", "'blue'", "Did you mean `bleu`?"]),
        (STUDY + "mesure: bleu\n", ["widths.yaml:8: mesure", "Did you mean `measure`?"]),
        (STUDY.replace("[1, 2]", "[1, 1]"), ["widths.yaml:6: seeds", "name each seed once"]),
        (STUDY.replace("[1, 2]", "[]"), ["widths.yaml:6: seeds"]),
        (STUDY.replace("model_dim: 32", "model_dm: 32"), ["widths.yaml:5: model.model_dm", "Did you mean `model_dim`"]),
        (STUDY.replace("model_dim: 32", "model_dim: 33"), ["widths.yaml:5: wide: ", "small.yaml:10: model: "]),
        (STUDY.replace("model.model_dim: 32", "training.seed: 3"), ["widths.yaml:5: training.seed", "`seeds` sets it"]),
        (STUDY.replace("model.model_dim: 32", "model..x: 3"), ["widths.yaml:5: expected key=value"]),
        (STUDY.replace("small", "smal"), ["widths.yaml:4: recipe: expected a recipe file", "'smal.yaml'"]),
        (STUDY.replace("recipe: small.yaml\n", ""), ["widths.yaml:3: expected a recipe: `recipe: FILE.yaml`"]),
        (STUDY + "baseline: narow\n", ["widths.yaml:8: baseline", "narrow, wide", "Did you mean `narrow`?"]),
        (STUDY + "published: {wid: {value: 1, source: s}}\n", ["widths.yaml:8: published", "Did you mean `wide`?"]),
        (STUDY + "plot: {x: model.model_dim}\n", ["widths.yaml:8: plot.x", "a key of the grid"]),
        (STUDY + "grid: {model.model_dim: [8]}\n", ["widths.yaml:5: model.model_dim", "not an axis"]),
        (STUDY + "grid: {training.updates: []}\n", ["widths.yaml:8: grid", "at least one value"]),
        (STUDY + "grid: {training.updates: [4, 4]}\n", ["widths.yaml:8: grid.training.updates", "twice"]),
        (STUDY + "grid: {model.cell: [a]}\nplot: {x: model.cell}\n", ["widths.yaml:9: plot.x", "numbers"]),
        (STUDY + f"grid: {{training.updates: {list(range(1, 999))}}}\n", ["widths.yaml:8: expected a study of"]),
        (STUDY + "name: ../x\n", ["widths.yaml:8: name"]),
        (STUDY + "also: [exact_match]\n", ["widths.yaml:8: also.0", "evaluation.measures: [exact_match]"]),
        (STUDY.replace("chrf", "{kind: test, name: bleu, set: your}"), ["widths.yaml:7: measure", "mine", "'your'"]),
        (STUDY.replace("chrf", "{kind: validation, name: ter}"), ["widths.yaml:7: measure", "evaluation.measures"]),
        (STUDY + "compare: parameters\n", ["widths.yaml:5: wide", "within 2.0%", "%)", "model.model_dim: 1"]),
        (STUDY.replace("32", "32, training.updates: 9") + "compare: updates\n", ["widths.yaml:5: wide", "of 8", "9."]),
        (STUDY + "systems: {}\n", ["widths.yaml:8:1", "each key once"]),
        ("a: &a [*a]\n", ["widths.yaml"]),
        ('systems: {"\\ud800": {}}\nrecipe: small.yaml\nmeasure: bleu\n', ["widths.yaml"]),
        ("x: " + "[" * 1200, ["widths.yaml"]),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(tmp_path: Path, study: str, parts: list[str]) -> None:
    told = message(tmp_path, study)
    for part in parts:
        assert part in told


def test_mistakes_of_several_systems_are_told_at_once_and_a_recipes_own_once(tmp_path: Path) -> None:
    told = message(tmp_path, STUDY.replace("{}", "{model.heads: 3}").replace("32}", "33}"))
    assert "2 mistakes" in told
    (tmp_path / "broken.yaml").write_text("corpus: 3\nmodel: {kind: transformer}\n", encoding="utf-8")
    told = message(tmp_path, STUDY.replace("small.yaml", "broken.yaml"))
    assert told.count("broken.yaml:1") == 1
