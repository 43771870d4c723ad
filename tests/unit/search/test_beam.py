from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import partial
from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from nmt.errors import UserError
from nmt.models.base import StepOutput
from nmt.search import BeamSearch
from nmt.search.base import Hypothesis
from nmt.search.beam import beam_search
from nmt.tokenizer.base import SPECIAL
from tests.unit.search.table_model import TableMemory, TableModel, TableState, exhaustive
from tests.unit.search.table_search import batch, search

EOS = SPECIAL.eos
alphas = st.sampled_from([0.0, 0.2, 0.6, 1.0, 1.7])
betas = st.sampled_from([0.0, 0.2, 1.0])
normalizations = st.sampled_from(["gnmt", "power"])
seeds = st.integers(0, 2**32)


def same(left: list[Hypothesis], right: list[Hypothesis]) -> bool:
    return [h.tokens for h in left] == [h.tokens for h in right] and all(
        math.isclose(a.score, b.score, abs_tol=1e-5) for a, b in zip(left, right, strict=True)
    )


@settings(deadline=None, max_examples=40)
@given(seed=seeds, alpha=alphas, beta=betas, normalization=normalizations, source_length=st.integers(0, 3))
def test_a_beam_that_holds_everything_equals_exhaustive_search(
    seed: int, alpha: float, beta: float, normalization: Literal["gnmt", "power"], source_length: int
) -> None:
    """3 words and at most 3 tokens: no step has more than 9 * 4 continuations."""
    options = BeamSearch(
        beam=40, n_best=12, length_penalty=alpha, coverage_penalty=beta, length_normalization=normalization,
        max_length_factor=0.0, max_length_offset=3,
    )  # fmt: skip
    model, source = TableModel(6, seed), [4] * source_length + [EOS]
    (found,) = search(model, [source], options)
    expected = exhaustive(model, source, options)[:12]
    assert [h.score for h in found] == pytest.approx([e.score for e in expected], abs=1e-4)
    assert [h.log_probability for h in found] == pytest.approx([e.log_probability for e in expected], abs=1e-4)
    by_tokens = {e.tokens: e.score for e in exhaustive(model, source, options)}
    assert all(by_tokens[h.tokens] == pytest.approx(h.score, abs=1e-4) for h in found)


@settings(deadline=None, max_examples=60)
@given(seed=seeds, alpha=alphas, beta=betas, beam=st.integers(1, 4), factor=st.sampled_from([0.5, 2.0]))
def test_every_result_is_scored_as_the_paper_defines(
    seed: int, alpha: float, beta: float, beam: int, factor: float
) -> None:
    options = BeamSearch(
        beam=beam, n_best=beam, length_penalty=alpha, coverage_penalty=beta,
        max_length_factor=factor, max_length_offset=1,
    )  # fmt: skip
    model, source = TableModel(6, seed), [4, 5, EOS]
    by_tokens = {e.tokens: e for e in exhaustive(model, source, options)}
    (found,) = search(model, [source], options)
    assert 1 <= len(found) <= beam
    assert len({h.tokens for h in found}) == len(found)
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
    for hypothesis in found:
        assert hypothesis.score == pytest.approx(by_tokens[hypothesis.tokens].score, abs=1e-4)
        assert hypothesis.log_probability == pytest.approx(by_tokens[hypothesis.tokens].log_probability, abs=1e-4)


@settings(deadline=None, max_examples=60)
@given(seed=seeds)
def test_beam_one_is_greedy_search(seed: int) -> None:
    model, source = TableModel(12, seed), [4, 5, 6, EOS]
    (found,) = search(model, [source], BeamSearch(beam=1, max_length_offset=4))
    tokens: list[int] = []
    while len(tokens) < 10:
        logits = model.row(source, (SPECIAL.bos, *tokens))[0].clone()
        logits[[SPECIAL.pad, SPECIAL.bos]] = -math.inf
        if (token := int(logits.argmax())) == EOS:
            break
        tokens.append(token)
    assert found[0].tokens == tuple(tokens)


@settings(deadline=None, max_examples=60)
@given(seed=seeds, alpha=alphas, beta=betas, margin=st.sampled_from([None, 1.0]))
def test_asking_for_more_translations_leaves_the_first_as_they_are(
    seed: int, alpha: float, beta: float, margin: float | None
) -> None:
    """The bound by which a sentence stops early is sound: a longer search finds nothing better."""
    model, sources = TableModel(12, seed), [[4, 5, 6, 7, EOS], [5, EOS]]
    some, many = (
        search(
            model, sources,
            BeamSearch(beam=4, n_best=n, length_penalty=alpha, coverage_penalty=beta, token_margin=margin),
        )
        for n in (1, 4)
    )  # fmt: skip
    assert all(same(one, more[:1]) for one, more in zip(some, many, strict=True))


@settings(deadline=None, max_examples=40)
@given(
    seed=seeds,
    lengths=st.lists(st.integers(0, 5), min_size=2, max_size=12),
    order=st.randoms(use_true_random=False),
    extra=st.integers(0, 3),
    left=st.booleans(),
    alpha=alphas,
    beta=betas,
    beam=st.integers(1, 3),
)
def test_padding_batch_mates_and_order_change_nothing(
    seed: int, lengths: list[int], order: random.Random, extra: int, left: bool, alpha: float, beta: float, beam: int
) -> None:
    model = TableModel(9, seed)
    options = BeamSearch(
        beam=beam, n_best=beam, length_penalty=alpha, coverage_penalty=beta, max_length_factor=1.0, max_length_offset=1
    )
    sources = [[4 + (i + n) % 5 for n in range(length)] + [EOS] for i, length in enumerate(lengths)]
    alone = [search(model, [source], options)[0] for source in sources]
    shuffled = list(range(len(sources)))
    order.shuffle(shuffled)
    together = beam_search(model, *batch([sources[i] for i in shuffled], extra, left), options)
    assert all(same(found, alone[i]) for i, found in zip(shuffled, together, strict=True))


class HandMade(TableModel):
    """P(token | last token): "a" = 4, "b" = 5. Greedy takes a, though b is better in the end."""

    def __init__(self) -> None:
        super().__init__(6)

    def row(self, source: Sequence[int], prefix: Sequence[int]) -> tuple[Tensor, Tensor]:
        last = prefix[-1]
        table = {SPECIAL.bos: (0.0, 0.6, 0.4), 4: (0.3, 0.4, 0.3), 5: (0.9, 0.05, 0.05)}[last]
        probabilities = torch.zeros(6)
        probabilities[[EOS, 4, 5]] = torch.tensor(table)
        return probabilities.log(), torch.full((len(source),), 1 / len(source))


def test_hand_computed() -> None:
    """b EOS has 0.4 * 0.9 = 0.36; greedy search takes a a and is then capped: 0.6 * 0.4 * 0.3 = 0.072."""
    model, source = HandMade(), [[4, EOS]]
    plain = partial(BeamSearch, length_penalty=0.0, max_length_factor=0.0, max_length_offset=2)
    (greedy,) = search(model, source, plain(beam=1))
    assert greedy[0].log_probability == pytest.approx(math.log(0.072), abs=1e-5)
    (found,) = search(model, source, plain(beam=2, n_best=2))
    assert found[0].tokens == (5,)
    assert found[0].log_probability == pytest.approx(math.log(0.36), abs=1e-5)
    assert found[1].tokens == (4, 5)
    assert found[1].log_probability == pytest.approx(math.log(0.6 * 0.3 * 0.9), abs=1e-5)
    # alpha 1: |Y| = 2 for both words and EOS, so lp = 7/6; coverage of the one word is 2 * 1/2 = 1: no penalty.
    (found,) = search(model, source, plain(beam=2, length_penalty=1.0, coverage_penalty=0.5))
    assert found[0].score == pytest.approx(max(math.log(0.36) * 6 / 7, math.log(0.162) * 6 / 8), abs=1e-5)


def test_a_hypothesis_at_the_length_limit_ends_as_it_is() -> None:
    class NeverEnds(TableModel):
        def row(self, source: Sequence[int], prefix: Sequence[int]) -> tuple[Tensor, Tensor]:
            logits, attention = super().row(source, prefix)
            return logits.index_fill(0, torch.tensor(EOS), -30.0), attention

    sources = [[4] * length + [EOS] for length in (0, 1, 5)]
    found = search(NeverEnds(8), sources, BeamSearch(beam=3, max_length_factor=1.5, max_length_offset=2))
    assert [len(hypotheses[0].tokens) for hypotheses in found] == [2, 3, 9]


def test_finished_sentences_leave_the_batch() -> None:
    model = TableModel(9, 3)
    sources = [[4 + i % 5] * (i % 6) + [EOS] for i in range(24)]
    search(model, sources, BeamSearch(beam=2, max_length_factor=1.0, max_length_offset=1))
    assert model.steps[0] == 24
    assert model.steps[-1] < 24 / 2
    assert model.steps == sorted(model.steps, reverse=True)


@settings(deadline=None, max_examples=30)
@given(seed=seeds, beam=st.integers(1, 12))
def test_pad_and_bos_never_come_out(seed: int, beam: int) -> None:
    """Even where the model likes nothing better, and where the beam is wider than the vocabulary."""

    class LikesPadding(TableModel):
        def row(self, source: Sequence[int], prefix: Sequence[int]) -> tuple[Tensor, Tensor]:
            logits, attention = super().row(source, prefix)
            return logits.index_fill(0, torch.tensor([SPECIAL.pad, SPECIAL.bos]), 9.0), attention

    (found,) = search(LikesPadding(5, seed), [[4, 4, EOS]], BeamSearch(beam=beam, n_best=beam))
    assert all(token not in (SPECIAL.pad, SPECIAL.bos, EOS) for h in found for token in h.tokens)
    assert all(math.isfinite(h.score) for h in found)


@settings(deadline=None, max_examples=30)
@given(seed=seeds, beam=st.integers(1, 4))
def test_attention_is_that_of_the_tokens_that_were_chosen(seed: int, beam: int) -> None:
    model, sources = TableModel(9, seed), [[4, EOS], [5, 6, 7, EOS], [EOS]]
    found = beam_search(
        model, *batch(sources), BeamSearch(beam=beam, n_best=beam, max_length_offset=2), need_attention=True
    )
    for source, hypotheses in zip(sources, found, strict=True):
        for hypothesis in hypotheses:
            prefixes = [(SPECIAL.bos, *hypothesis.tokens[:n]) for n in range(len(hypothesis.tokens) + 1)]
            expected = torch.stack([model.row(source, prefix)[1] for prefix in prefixes])
            assert hypothesis.attention is not None
            torch.testing.assert_close(hypothesis.attention, expected)


def test_attention_is_asked_for_only_when_needed() -> None:
    class Strict(TableModel):
        asked = False

        def step(
            self, tokens: Tensor, memory: TableMemory, state: TableState, *, need_attention: bool = False
        ) -> StepOutput[TableState]:
            self.asked |= need_attention
            return super().step(tokens, memory, state, need_attention=need_attention)

    plain, covered = Strict(6), Strict(6)
    (found,) = search(plain, [[4, EOS]], BeamSearch())
    search(covered, [[4, EOS]], BeamSearch(coverage_penalty=0.2))
    assert (plain.asked, covered.asked) == (False, True)
    assert found[0].attention is None


@settings(deadline=None, max_examples=40)
@given(seed=seeds, margin=st.floats(0.1, 3.0))
def test_token_margin_keeps_only_tokens_near_the_best_of_their_step(seed: int, margin: float) -> None:
    model, source = TableModel(9, seed), [4, 5, EOS]
    options = BeamSearch(beam=4, n_best=4, token_margin=margin, max_length_factor=0.0, max_length_offset=5)
    (found,) = search(model, [source], options)
    for hypothesis in found:
        for place, token in enumerate((*hypothesis.tokens, EOS)):
            if place == 5:
                continue  # EOS is forced
            logits = model.row(source, (SPECIAL.bos, *hypothesis.tokens[:place]))[0].clone()
            logits[[SPECIAL.pad, SPECIAL.bos]] = -math.inf
            assert logits[token] >= logits.max() - margin - 1e-5


@settings(deadline=None, max_examples=40)
@given(seed=seeds, margin=st.floats(0.1, 3.0), alpha=alphas, beta=betas)
def test_finished_margin_drops_exactly_what_is_far_below_the_best(
    seed: int, margin: float, alpha: float, beta: float
) -> None:
    model, source = TableModel(9, seed), [[4, 5, EOS], [6, EOS]]
    options = BeamSearch(beam=4, n_best=4, length_penalty=alpha, coverage_penalty=beta, max_length_offset=3)
    everything = search(model, source, options)
    pruned = search(model, source, options.model_copy(update={"finished_margin": margin}))
    for all_of_them, kept in zip(everything, pruned, strict=True):
        near = [h for h in all_of_them if h.score >= all_of_them[0].score - margin]
        assert abs(all_of_them[0].score - margin - near[-1].score) < 1e-4 or same(kept, near)


def test_early_stopping_saves_steps_and_never_finds_better() -> None:
    class Counting(TableModel):
        calls = 0

        def step(
            self, tokens: Tensor, memory: TableMemory, state: TableState, *, need_attention: bool = False
        ) -> StepOutput[TableState]:
            self.calls += 1
            return super().step(tokens, memory, state, need_attention=need_attention)

    saved = 0
    for seed in range(20):
        options = BeamSearch(beam=3, length_penalty=1.0, max_length_offset=6)
        whole, early = Counting(9, seed), Counting(9, seed)
        ((best,),) = search(whole, [[4, 5, EOS]], options)
        ((first,),) = search(early, [[4, 5, EOS]], options.model_copy(update={"early_stopping": True}))
        assert first.score <= best.score + 1e-6
        assert early.calls <= whole.calls
        saved += whole.calls - early.calls
    assert saved > 0


def test_an_empty_batch_gives_nothing() -> None:
    assert (
        beam_search(TableModel(6), torch.empty((0, 3), dtype=torch.int64), torch.empty((0, 3)).bool(), BeamSearch())
        == []
    )


def test_a_broken_model_is_reported() -> None:
    class Broken(TableModel):
        def row(self, source: Sequence[int], prefix: Sequence[int]) -> tuple[Tensor, Tensor]:
            return torch.full((6,), math.nan), torch.ones(1)

    with pytest.raises(UserError, match="diverged"):
        search(Broken(6), [[EOS]], BeamSearch())


def test_more_translations_than_beam_are_refused() -> None:
    with pytest.raises(ValidationError, match="beam of at least 6"):
        BeamSearch(beam=5, n_best=6)
