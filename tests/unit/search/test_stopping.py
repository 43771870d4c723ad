"""When a sentence's search ends, against a search of one sentence written straight from the description."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from nmt.search import BeamSearch
from nmt.search.base import Hypothesis
from nmt.tokenizer.base import SPECIAL
from tests.unit.search.table_model import TableModel

EOS = SPECIAL.eos
LIMIT = 7
"""Words; one more token is EOS."""

SOURCES = [[4, 5, EOS], [6, EOS], [EOS], [7, 7, 4, EOS]]


def options(
    beam: int, alpha: float, *, stop_at_current_length: bool = False, free_end_at_limit: bool = False
) -> BeamSearch:
    return BeamSearch(
        beam=beam,
        n_best=beam,
        length_penalty=alpha,
        length_normalization="power",
        max_length_factor=0.0,
        max_length_offset=LIMIT,
        stop_at_current_length=stop_at_current_length,
        free_end_at_limit=free_end_at_limit,
    )


def search(model: TableModel, sources: list[list[int]], settings: BeamSearch) -> list[list[Hypothesis]]:
    width = max(map(len, sources))
    source = torch.tensor([ids + [SPECIAL.pad] * (width - len(ids)) for ids in sources])
    mask = torch.tensor([[True] * len(ids) + [False] * (width - len(ids)) for ids in sources])
    return settings.search(model, source, mask)


def described(model: TableModel, source: list[int], beam: int, alpha: float) -> list[tuple[float, tuple[int, ...]]]:
    """The `beam` best finished, best first, of a search that stops at the current length."""
    live: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    finished: list[tuple[float, tuple[int, ...]]] = []
    for length in range(1, LIMIT + 2):
        candidates = [
            (total + float(value), (*words, token))
            for total, words in live
            for token, value in enumerate(log_probabilities(model, source, words))
            if token not in (SPECIAL.pad, SPECIAL.bos) and (length <= LIMIT or token == EOS)
        ]
        candidates.sort(reverse=True)
        finished += [(total / length**alpha, words) for total, words in candidates[:beam] if words[-1] == EOS]
        finished = sorted(finished, reverse=True)[:beam]
        live = [(total, words) for total, words in candidates[: 2 * beam] if words[-1] != EOS][:beam]
        if not live or (len(finished) == beam and live[0][0] / length**alpha <= finished[-1][0]):
            break
    return finished


def log_probabilities(model: TableModel, source: list[int], words: tuple[int, ...]) -> Tensor:
    return model.row(source, (SPECIAL.bos, *words))[0].log_softmax(0)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), beam=st.integers(2, 5), alpha=st.sampled_from([0.0, 0.6, 1.0, 1.5]))
def test_stopping_at_the_current_length(seed: int, beam: int, alpha: float) -> None:
    model = TableModel(9, seed)
    found = search(model, SOURCES, options(beam, alpha, stop_at_current_length=True))
    for source, hypotheses in zip(SOURCES, found, strict=True):
        expected = described(model, source, beam, alpha)
        assert [(*hypothesis.tokens, EOS) for hypothesis in hypotheses] == [words for _, words in expected]
        for hypothesis, (score, _) in zip(hypotheses, expected, strict=True):
            assert hypothesis.score == pytest.approx(score, abs=1e-5)
    one = options(beam, alpha, stop_at_current_length=True).model_copy(update={"n_best": 1})
    [[alone]] = search(model, SOURCES[:1], one)
    assert alone.tokens == found[0][0].tokens


def test_it_saves_steps_and_never_finds_better() -> None:
    saved = missed = 0
    for seed in range(40):
        whole, sooner = TableModel(9, seed), TableModel(9, seed)
        ((best, *_),) = search(whole, [[4, 5, EOS]], options(2, 1.0))
        ((first, *_),) = search(sooner, [[4, 5, EOS]], options(2, 1.0, stop_at_current_length=True))
        assert first.score <= best.score + 1e-6
        saved += len(whole.steps) - len(sooner.steps)
        missed += first.tokens != best.tokens
    assert saved > 0
    assert missed > 0, "no case in which it matters"


@pytest.mark.parametrize("beam", [1, 4])
def test_a_free_end_is_free_at_the_limit_only(beam: int) -> None:
    at_limit = 0
    for seed in range(30):
        model = TableModel(5, seed)
        [found] = search(model, [[4, EOS]], options(beam, 0.6, free_end_at_limit=True))
        for hypothesis in found:
            steps = [(hypothesis.tokens[:place], token) for place, token in enumerate((*hypothesis.tokens, EOS))]
            if len(steps) == LIMIT + 1:
                steps.pop()
                at_limit += 1
            total = math.fsum(float(log_probabilities(model, [4, EOS], words)[token]) for words, token in steps)
            assert hypothesis.log_probability == pytest.approx(total, abs=1e-5)
            assert hypothesis.score == pytest.approx(total / (len(hypothesis.tokens) + 1) ** 0.6, abs=1e-5)
    assert at_limit > 0


def test_two_ways_of_stopping_are_refused() -> None:
    with pytest.raises(ValidationError, match="stop_at_current_length"):
        BeamSearch(early_stopping=True, stop_at_current_length=True)
