"""Samples follow the model's distribution, and each depends on its own sentence, seed and number alone."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nmt.errors import UserError
from nmt.models.base import StepOutput
from nmt.search import BeamSearch, Sampling
from nmt.search.base import Hypothesis
from nmt.search.sampling import draw, draw_samples, sentence_keys
from nmt.tokenizer.base import SPECIAL
from tests.unit.search.table_model import TableMemory, TableModel, TableState, exhaustive
from tests.unit.search.table_search import batch

EOS = SPECIAL.eos
SENTENCES = [[4, 5, EOS], [5, EOS], [4, 4, 5, 4, EOS]]


def sampled(model: TableModel, sentences: list[list[int]], **options: float) -> list[list[Hypothesis]]:
    return Sampling.model_validate(options).search(model, *batch(sentences))


def distribution(model: TableModel, source: list[int], options: Sampling, longest: int) -> dict[tuple[int, ...], float]:
    """The probability of every sample there is, from the definition: token by token, the last place forced."""
    found: dict[tuple[int, ...], float] = {}

    def extend(prefix: tuple[int, ...], probability: float) -> None:
        if len(prefix) == longest:
            found[prefix] = probability
            return
        logits = model.row(source, (SPECIAL.bos, *prefix))[0].double().numpy() / options.temperature
        allowed = [token for token in range(model.vocabulary) if token not in (SPECIAL.pad, SPECIAL.bos)]
        if options.top_k:
            allowed = sorted(allowed, key=lambda token: -logits[token])[: options.top_k]
        weights = {token: math.exp(logits[token]) for token in allowed}
        for token, weight in weights.items():
            share = probability * weight / sum(weights.values())
            if token == EOS:
                found[prefix] = share
            else:
                extend((*prefix, token), share)

    extend((), 1.0)
    return found


@pytest.mark.parametrize(("temperature", "top_k"), [(1.0, 0), (0.5, 0), (2.0, 0), (1.0, 2), (0.7, 3)])
def test_frequencies_are_the_models_probabilities(temperature: float, top_k: int) -> None:
    count = 6000
    options = Sampling(
        n_best=count, temperature=temperature, top_k=top_k, max_length_factor=0.0, max_length_offset=2, seed=3
    )
    model = TableModel(7, seed=5, spread=1.0)
    for source, hypotheses in zip(SENTENCES[:2], options.search(model, *batch(SENTENCES[:2])), strict=True):
        expected = distribution(model, source, options, 2)
        assert sum(expected.values()) == pytest.approx(1.0)
        seen = Counter(hypothesis.tokens for hypothesis in hypotheses)
        assert set(seen) <= set(expected)
        distance = sum((seen[tokens] - count * p) ** 2 / (count * p) for tokens, p in expected.items())
        degrees = len(expected) - 1
        assert distance < degrees + 5 * math.sqrt(2 * degrees)  # five standard deviations of chi-squared


def test_samples_of_a_sentence_are_independent() -> None:
    """Of two samples next to each other: how often the first tokens agree."""
    model, count = TableModel(7, seed=1, spread=0.5), 4000
    hypotheses = sampled(model, SENTENCES[:1], n_best=count, max_length_factor=0.0, max_length_offset=1)[0]
    chances = [value / count for value in Counter(h.tokens for h in hypotheses).values()]
    agree = sum(a.tokens == b.tokens for a, b in zip(hypotheses[::2], hypotheses[1::2], strict=True)) / (count / 2)
    assert agree == pytest.approx(sum(chance**2 for chance in chances), abs=5 * math.sqrt(0.25 / (count / 2)))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**40), extra=st.integers(0, 2), left=st.booleans())
def test_neither_neighbours_nor_padding_nor_the_number_of_samples_matter(seed: int, extra: int, left: bool) -> None:
    model, options = TableModel(9, 2, spread=1.0), Sampling(n_best=5, seed=seed, max_length_factor=1.0)
    together = options.search(model, *batch(SENTENCES, extra, left))
    for sentence, hypotheses in zip(SENTENCES, together, strict=True):
        alone = sampled(model, [sentence], n_best=3, seed=seed, max_length_factor=1.0)[0]
        assert [h.tokens for h in alone] == [h.tokens for h in hypotheses[:3]]


def test_the_seed_decides() -> None:
    model = TableModel(9, 2, spread=1.0)

    def texts(seed: int) -> list[tuple[int, ...]]:
        return [h.tokens for h in sampled(model, SENTENCES, n_best=8, seed=seed)[2]]

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)
    assert len(set(texts(1))) > 1


def test_scores_are_the_models_log_probabilities_in_the_order_drawn() -> None:
    model, source = TableModel(6, 4), SENTENCES[0]
    every = exhaustive(model, source, BeamSearch(length_penalty=0.0, max_length_factor=0.0, max_length_offset=3))
    known = {scored.tokens: scored.log_probability for scored in every}
    for temperature in (1.0, 0.6):
        hypotheses = sampled(
            model, [source], n_best=50, temperature=temperature, max_length_factor=0.0, max_length_offset=3
        )[0]
        for hypothesis in hypotheses:
            assert hypothesis.log_probability == pytest.approx(known[hypothesis.tokens], abs=1e-4)
            assert hypothesis.score == hypothesis.log_probability
        assert [h.score for h in hypotheses] != sorted((h.score for h in hypotheses), reverse=True)


def test_attention_belongs_to_the_sample() -> None:
    model = TableModel(8, 3, spread=1.0)
    source, mask = batch(SENTENCES, extra=1)
    for sentence, hypotheses in zip(
        SENTENCES, Sampling(n_best=6).search(model, source, mask, need_attention=True), strict=True
    ):
        for hypothesis in hypotheses:
            assert hypothesis.attention is not None
            prefixes = [(SPECIAL.bos, *hypothesis.tokens[:place]) for place in range(len(hypothesis.tokens) + 1)]
            expected = torch.stack([model.row(sentence, prefix)[1] for prefix in prefixes])
            torch.testing.assert_close(hypothesis.attention, expected)


def test_the_length_limit_is_kept_and_its_eos_was_not_drawn() -> None:
    model = TableModel(30, 1, spread=0.1)
    source, mask = batch(SENTENCES)
    keys = sentence_keys(source, mask, 1)
    drawn = draw_samples(model, source, mask, keys, Sampling(n_best=40, max_length_factor=1.0, max_length_offset=1))
    for sentence, texts, masks, tokens in zip(SENTENCES, drawn.texts(), drawn.mask, drawn.tokens, strict=True):
        longest = len(sentence) - 1 + 1
        assert max(map(len, texts)) == longest
        for text, was_drawn, ids in zip(texts, masks, tokens.tolist(), strict=True):
            assert ids == [*text, EOS, *[SPECIAL.pad] * (len(ids) - len(text) - 1)]
            assert int(was_drawn.sum()) == (len(text) if len(text) == longest else len(text) + 1)
            assert bool(was_drawn[: int(was_drawn.sum())].all())


def test_ended_rows_leave_the_batch_and_memory_is_never_tiled() -> None:
    class Counting(TableModel):
        rows: list[int]

        def step(
            self, tokens: Tensor, memory: TableMemory, state: TableState, *, need_attention: bool = False
        ) -> StepOutput[TableState]:
            self.rows.append(tokens.numel())
            return super().step(tokens, memory, state, need_attention=need_attention)

    model = Counting(9, 2, spread=1.0)
    model.rows = []
    sampled(model, SENTENCES, n_best=16)
    assert max(model.steps) == len(SENTENCES)
    assert model.steps[-1] == 1
    assert model.rows == sorted(model.rows, reverse=True)
    assert model.rows[-1] < 16


def test_no_sentences() -> None:
    nothing = torch.zeros((0, 3), dtype=torch.int64)
    assert Sampling().search(TableModel(6), nothing, nothing.bool()) == []


def test_logits_that_are_not_numbers_are_reported() -> None:
    model = TableModel(6)
    model.row(SENTENCES[0], (SPECIAL.bos,))[0].fill_(math.nan)
    with pytest.raises(UserError, match="finite numbers"):
        sampled(model, SENTENCES[:1])


@settings(deadline=None, max_examples=200)
@given(seed=st.integers(0, 10**6), vocabulary=st.sampled_from([1, 5, 63, 64, 65, 300]), data=st.data())
def test_draw_inverts_the_distribution(seed: int, vocabulary: int, data: st.DataObject) -> None:
    """Against the plain definition, in float64; entries of weight 0 are never drawn, whatever the number."""
    random = np.random.default_rng(seed)
    weights = random.random((4, vocabulary)) ** random.integers(1, 30)
    weights[:, random.random(vocabulary) < 0.5] = 0.0
    weights[:, random.integers(vocabulary)] = 1e-3
    uniform = np.array(data.draw(st.lists(st.floats(0, 1, exclude_max=True), min_size=4, max_size=4)))
    table = torch.from_numpy(weights).float()
    chosen = draw(table, torch.from_numpy(uniform)).numpy()
    exact = table.double().numpy()
    assert (exact[np.arange(4), chosen] > 0).all()
    cumulative = exact.cumsum(1)
    total, above = cumulative[:, -1], cumulative[np.arange(4), chosen]
    below = above - exact[np.arange(4), chosen]
    assert (below / total <= uniform + 1e-6).all()
    assert (above / total >= uniform - 1e-6).all()
