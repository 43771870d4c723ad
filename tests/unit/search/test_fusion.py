"""Shallow fusion against its definition: sums of two models' log-probabilities, normalised once each."""

from __future__ import annotations

import math
from typing import cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nmt.models.base import Decoder, DecoderOutput, State, StepOutput
from nmt.models.language.recurrent import RecurrentLM
from nmt.models.language.stack import StackLM
from nmt.search import BeamSearch, Sampling
from nmt.search.base import Hypothesis
from nmt.search.beam import beam_search
from nmt.search.fusion import FusedModel
from nmt.search.sampling import sampled_hypotheses
from nmt.tokenizer.base import SPECIAL
from tests.contract.listed import LANGUAGE_MODELS
from tests.unit.search.table_model import TableMemory, TableModel, TableState, exhaustive
from tests.unit.search.table_search import batch
from tests.without_native import without_library

EOS = SPECIAL.eos
seeds = st.integers(0, 2**32)
SOURCES = [[4, 5, EOS], [EOS], [5, 4, 5, EOS]]


class TableDecoder(Decoder[TableState]):
    """A language model that is a table: the rows of a `TableModel` for the source EOS."""

    def __init__(self, table: TableModel) -> None:
        super().__init__()
        self.table = table

    def decode(self, target_input: Tensor, target_mask: Tensor) -> DecoderOutput:
        raise NotImplementedError

    def init_state(self, sentences: int, beam_size: int, max_length: int) -> TableState:
        return TableState(torch.empty((sentences * beam_size, 0), dtype=torch.int64))

    def step(self, tokens: Tensor, state: TableState) -> StepOutput[TableState]:
        source = torch.full((len(tokens), 1), EOS)
        return self.table.step(tokens, TableMemory(source > 0, source), state)


def fused_score(
    translation: TableModel, language: TableModel, weight: float, source: list[int], tokens: tuple[int, ...]
) -> float:
    """The definition."""
    total = 0.0
    for position, token in enumerate((*tokens, EOS)):
        prefix = (SPECIAL.bos, *tokens[:position])
        for table, read, factor in ((translation, source, 1.0), (language, [EOS], weight)):
            total += factor * float(table.row(read, prefix)[0].double().log_softmax(0)[token])
    return total


def fused_search(
    translation: TableModel, language: Decoder[TableState], weight: float, sources: list[list[int]], options: BeamSearch
) -> list[list[Hypothesis]]:
    return beam_search(FusedModel(translation, language, weight), *batch(sources), options)


@pytest.mark.parametrize("native", [True, False])
@settings(deadline=None, max_examples=25)
@given(seed=seeds, weight=st.sampled_from([0.1, 1.0, 3.0]), alpha=st.sampled_from([0.0, 0.6]))
def test_a_beam_that_holds_everything_finds_the_best_sum(native: bool, seed: int, weight: float, alpha: float) -> None:
    options = BeamSearch(beam=40, n_best=3, length_penalty=alpha, max_length_factor=0.0, max_length_offset=3)
    translation, language = TableModel(6, seed), TableModel(6, seed + 1)
    source = [4, 5, EOS]
    every = [scored.tokens for scored in exhaustive(translation, source, options)]
    totals = {tokens: fused_score(translation, language, weight, source, tokens) for tokens in every}
    scores = {tokens: total / ((6 + len(tokens)) / 6) ** alpha for tokens, total in totals.items()}
    if native:
        (found,) = fused_search(translation, TableDecoder(language), weight, [source], options)
    else:
        with without_library():
            (found,) = fused_search(translation, TableDecoder(language), weight, [source], options)
    expected = sorted(scores, key=lambda tokens: -scores[tokens])[:3]
    assert [h.tokens for h in found] == expected
    assert [h.score for h in found] == pytest.approx([scores[tokens] for tokens in expected], abs=1e-4)
    assert [h.log_probability for h in found] == pytest.approx([totals[tokens] for tokens in expected], abs=1e-4)


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_an_even_language_model_only_shortens(seed: int) -> None:
    """All translations of a length lose as much."""
    options = BeamSearch(beam=40, n_best=40, length_penalty=0.0, max_length_factor=0.0, max_length_offset=3)
    even, source = TableDecoder(TableModel(6, spread=0.0)), [[4, EOS]]
    (plain,) = beam_search(TableModel(6, seed), *batch(source), options)
    (found,) = fused_search(TableModel(6, seed), even, 0.7, source, options)
    for length in range(4):
        same = [[h.tokens for h in each if len(h.tokens) == length] for each in (plain, found)]
        common = set(same[0]) & set(same[1])
        assert [t for t in same[0] if t in common] == [t for t in same[1] if t in common]
    lost = {h.tokens: h.log_probability for h in plain}
    for h in found:
        if h.tokens in lost:
            expected = lost[h.tokens] - 0.7 * math.log(6) * (len(h.tokens) + 1)
            assert h.log_probability == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
def test_a_sentence_is_translated_as_alone(name: str) -> None:
    """The states of any language model follow the hypotheses, and the sentences that leave the batch."""
    torch.manual_seed(3)
    language = LANGUAGE_MODELS[name].build(12, 12).eval()
    decoder = cast(Decoder[State], language.decoder)
    options = BeamSearch(beam=3, n_best=3, max_length_offset=5)
    model = FusedModel(TableModel(12, 5), decoder, 0.8)
    together = beam_search(model, *batch(SOURCES), options)
    for source, found in zip(SOURCES, together, strict=True):
        (alone,) = beam_search(model, *batch([source]), options)
        assert [h.tokens for h in alone] == [h.tokens for h in found]
        assert [h.score for h in alone] == pytest.approx([h.score for h in found], abs=1e-4)


def test_samples_are_drawn_from_the_product() -> None:
    """Of weight 1, P(token) is proportional to the product of both probabilities."""
    translation, language = TableModel(6, 1), TableModel(6, 2)
    options = Sampling(n_best=4000, max_length_factor=0.0, max_length_offset=3)
    model = FusedModel(translation, TableDecoder(language), 1.0)
    (found,) = sampled_hypotheses(model, *batch([[EOS]]), options)
    rows = [table.row([EOS], (SPECIAL.bos,))[0].log_softmax(0) for table in (translation, language)]
    product = (rows[0] + rows[1]).exp()
    product[[SPECIAL.pad, SPECIAL.bos]] = 0.0
    first = torch.tensor([next(iter((*h.tokens, EOS))) for h in found]).bincount(minlength=6) / 4000
    torch.testing.assert_close(first, product / product.sum(), rtol=0, atol=0.04)


def test_it_reads_as_it_was_trained() -> None:
    """Each prefix gets the probabilities that teacher forcing gives it."""
    torch.manual_seed(1)
    for config in (RecurrentLM.Config(model_dim=8), StackLM.Config(model_dim=8, feedforward_dim=8, heads=2, layers=1)):
        language = config.build(9, 9).eval()
        decoder = cast(Decoder[State], language.decoder)
        translation = TableModel(9, 4)
        (found,) = beam_search(FusedModel(translation, decoder, 0.5), *batch([[4, EOS]]), BeamSearch(beam=2))[:1]
        tokens = found[0].tokens
        with torch.no_grad():
            read = torch.tensor([[SPECIAL.bos, *tokens]])
            log_p = decoder.decode(read, torch.ones_like(read, dtype=torch.bool)).logits.log_softmax(-1)[0]
        total = 0.0
        for position, token in enumerate((*tokens, EOS)):
            row = translation.row([4, EOS], (SPECIAL.bos, *tokens[:position]))[0].log_softmax(0)
            total += float(row[token] + 0.5 * log_p[position, token])
        assert found[0].log_probability == pytest.approx(total, abs=1e-4)
