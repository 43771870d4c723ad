"""The least length of a translation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.search.options import BeamSearch
from nmt.tokenizer.base import SPECIAL
from tests.unit.search.table_model import TableModel, exhaustive
from tests.unit.search.table_search import search


@given(
    seed=st.integers(0, 10_000),
    source=st.lists(st.integers(4, 5), max_size=3),
    shortest=st.integers(0, 4),
    alpha=st.sampled_from([0.0, 0.6, 1.0]),
)
def test_the_best_of_those_that_are_long_enough(seed: int, source: list[int], shortest: int, alpha: float) -> None:
    model, sentence = TableModel(6, seed), [*source, SPECIAL.eos]
    options = BeamSearch(
        beam=40, n_best=5, length_penalty=alpha, min_length=shortest, max_length_factor=0.0, max_length_offset=3
    )
    least = min(shortest, 3)  # the limit goes before
    expected = [each for each in exhaustive(model, sentence, options) if len(each.tokens) >= least]
    (found,) = search(model, [sentence], options)
    assert [hypothesis.score for hypothesis in found] == pytest.approx([each.score for each in expected[:5]], abs=1e-4)
    assert all(least <= len(hypothesis.tokens) for hypothesis in found)


@pytest.mark.parametrize("beam", [1, 3])
def test_a_beam_never_falls_short(beam: int) -> None:
    for seed in range(20):
        options = BeamSearch(beam=beam, n_best=beam, min_length=2, max_length_factor=0.0, max_length_offset=4)
        (found,) = search(TableModel(6, seed), [[4, 5, SPECIAL.eos]], options)
        assert found
        assert all(2 <= len(hypothesis.tokens) <= 4 for hypothesis in found)
