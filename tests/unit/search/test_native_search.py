"""Beam search by the C functions and by torch finds the same."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nmt.errors import UserError
from nmt.nn import native
from nmt.search import BeamSearch
from nmt.search.base import Hypothesis
from nmt.tokenizer.base import SPECIAL
from tests.unit.search.table_model import TableModel
from tests.unit.search.table_search import batch, search
from tests.without_native import without_library

pytestmark = pytest.mark.skipif(native.library() is None, reason="the C functions were not compiled")

EOS = SPECIAL.eos
SOURCES = [[4, 5, 6, 7, EOS], [5, EOS], [EOS], [6, 6, 4, EOS]]

OPTIONS: dict[str, BeamSearch] = {
    "greedy": BeamSearch(beam=1),
    "beam": BeamSearch(beam=4, n_best=4),
    "wider-than-the-vocabulary": BeamSearch(beam=12, n_best=12, max_length_offset=2),
    "min_length": BeamSearch(beam=3, n_best=2, min_length=4),
    "min_length-beyond-the-limit": BeamSearch(beam=3, min_length=9, max_length_factor=0.0, max_length_offset=3),
    "limits": BeamSearch(beam=3, n_best=3, max_length_factor=1.0, max_length_offset=1),
    "no-words": BeamSearch(beam=2, max_length_factor=0.0, max_length_offset=0),
    "free-end": BeamSearch(beam=3, n_best=3, max_length_factor=0.5, max_length_offset=2, free_end_at_limit=True),
    "token_margin": BeamSearch(beam=4, n_best=2, token_margin=1.0),
    "finished_margin": BeamSearch(beam=4, n_best=4, finished_margin=1.0),
    "coverage": BeamSearch(beam=4, n_best=3, length_penalty=0.6, coverage_penalty=0.4),
    "early": BeamSearch(beam=4, n_best=2, early_stopping=True, length_normalization="power"),
    "current-length": BeamSearch(beam=4, n_best=4, stop_at_current_length=True),
}


def assert_same(found: list[list[Hypothesis]], expected: list[list[Hypothesis]]) -> None:
    for some, others in zip(found, expected, strict=True):
        assert [hypothesis.tokens for hypothesis in some] == [hypothesis.tokens for hypothesis in others]
        for one, other in zip(some, others, strict=True):
            assert one.score == pytest.approx(other.score, rel=1e-6, abs=1e-5)
            assert one.log_probability == pytest.approx(other.log_probability, rel=1e-6, abs=1e-5)


@pytest.mark.parametrize("name", OPTIONS)
@settings(max_examples=10)
@given(seed=st.integers(0, 2**32), vocabulary=st.sampled_from([6, 13, 64, 130]))
def test_the_hypotheses_and_scores_are_those_of_torch(name: str, seed: int, vocabulary: int) -> None:
    model = TableModel(vocabulary, seed)
    found = search(model, SOURCES, OPTIONS[name])
    with without_library():
        assert_same(found, search(model, SOURCES, OPTIONS[name]))


def test_the_library_is_what_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the steps at a limit; or the test above would compare torch with itself."""
    called, really = [], native.best_continuations

    def counted(logits: Tensor, live: Tensor, count: int, banned: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
        called.append(banned)
        return really(logits, live, count, banned)

    monkeypatch.setattr(native, "best_continuations", counted)
    model = TableModel(13)
    options = BeamSearch(beam=4, min_length=2, max_length_factor=0.0, max_length_offset=6, length_penalty=2.0)
    search(model, SOURCES[:1], options)
    assert len(model.steps) - 1 <= len(called) <= len(model.steps)
    assert [EOS in banned for banned in called[:3]] == [True, True, False]


class Spoilt(TableModel):
    """Its logits are not numbers for the second sentence, or from some length on."""

    def __init__(self, bad: float, length: int, everywhere: bool) -> None:
        super().__init__(9, 3)
        self.bad, self.length, self.everywhere = bad, length, everywhere

    def row(self, source: Sequence[int], prefix: Sequence[int]) -> tuple[Tensor, Tensor]:
        logits, attention = super().row(source, prefix)
        if len(prefix) >= self.length and (self.everywhere or len(source) == 2):
            logits = torch.full_like(logits, self.bad)
        else:
            logits = logits.index_fill(0, torch.tensor(EOS), -20.0)  # or it would be over by then
        return logits, attention


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("length", [1, 3])
@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("beam", [1, 4])
def test_logits_that_are_not_numbers_end_the_search_with_the_reason(
    bad: float, length: int, everywhere: bool, beam: int
) -> None:
    source, mask = batch([[4, 5, EOS], [6, EOS]])
    options = BeamSearch(beam=beam, length_penalty=0.0)
    with pytest.raises(UserError, match="finite numbers"):
        options.search(Spoilt(bad, length, everywhere), source, mask)
