"""The search for the largest distance, and the tables of its results."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.errors import UserError
from nmt.study.memory import DistanceSearch, memorization_of
from nmt.study.memory_plan import memory_plan

RECIPE = Path(__file__).resolve().parents[3] / "recipes/studies/tasks/memorization.yaml"


@given(longest=st.integers(1, 300), limit=st.integers(0, 400))
def test_the_search_finds_the_limit_with_few_tries(longest: int, limit: int) -> None:
    search, tried = DistanceSearch(longest), list[int]()
    while (distance := search.next()) is not None:
        tried.append(distance)
        search.tell(distance, reproduced=distance <= limit)
    assert search.reproduced == min(limit, longest)
    assert search.lost == (None if limit >= longest else limit + 1)
    assert len(tried) == len(set(tried))
    assert len(tried) <= 2 * math.log2(min(limit, longest) + 1) + 2


def test_every_combination_is_an_architecture(tmp_path: Path) -> None:
    axes = ["model.decoder.model_dim=[8, 16]", "model.decoder.cell=[{kind: gru}, {kind: tanh}]"]
    plan = memory_plan(RECIPE, ["corpus.vocabulary=5"], axes, 2, tmp_path)
    assert [variant.name for variant in plan.variants] == [
        "model_dim 8, cell gru",
        "model_dim 8, cell tanh",
        "model_dim 16, cell gru",
        "model_dim 16, cell tanh",
    ]
    assert {corpus.vocabulary for corpus in memorization_of(plan).values()} == {5}
    assert plan.study.seeds == (1, 2)
    assert plan.directory == tmp_path / "studies/memory_of_memorization"


@pytest.mark.parametrize(
    ("override", "axis", "message"),
    [
        ("corpus={kind: adding}", "training.seed_=[1]", "training.seed_"),
        ("corpus={kind: adding}", "training.updates=[10]", "expected memorization, got adding"),
        ("evaluation.measures=[perplexity]", "training.updates=[10]", "exact_match among them"),
        ("training.updates=3", "training.updates=10", "a list of values"),
        ("training.updates=3", "training.updates", "key=value"),
    ],
)
def test_what_cannot_be_probed_is_refused_in_words(tmp_path: Path, override: str, axis: str, message: str) -> None:
    with pytest.raises(UserError, match=message.replace("[", r"\[")):
        memorization_of(memory_plan(RECIPE, [override], [axis], 1, tmp_path))
