"""The laws of a decoding step and of search, stated once: they hold with the C functions and without."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.search import beam
from nmt.search.base import Hypothesis
from nmt.search.options import BeamSearch
from nmt.tokenizer.base import SPECIAL
from tests.contract.random_models import (
    VOCABULARY,
    Model,
    batch_of,
    pad_source,
    pairs,
    teacher_forced,
)

TOLERANCE = 1e-5


@settings(max_examples=15)
@given(examples=pairs, left=st.integers(0, 3), right=st.integers(0, 3))
def steps_give_the_teacher_forced_logits_and_attention(
    model: Model, examples: list[tuple[list[int], list[int]]], left: int, right: int
) -> None:
    batch = pad_source(batch_of(examples), left, right)
    logits, attention = teacher_forced(model, batch)
    with torch.no_grad():
        memory = model.encode(batch.source, batch.source_mask)
        state = model.init_state(memory, 1, batch.target_input.shape[1])
        for position in range(batch.target_input.shape[1]):
            step = model.step(batch.target_input[:, position, None], memory, state, need_attention=True)
            state = step.state
            real = batch.target_mask[:, position]
            torch.testing.assert_close(step.logits[real, 0], logits[real, position], atol=TOLERANCE, rtol=0)
            assert step.attention is not None
            torch.testing.assert_close(step.attention[real, 0], attention[real, position], atol=TOLERANCE, rtol=0)


@settings(max_examples=15)
@given(examples=pairs, beam=st.integers(1, 3), data=st.data())
def selected_hypotheses_go_on_as_if_decoded_from_their_prefix(
    model: Model, examples: list[tuple[list[int], list[int]]], beam: int, data: st.DataObject
) -> None:
    """Search reorders hypotheses within their sentence and drops whole sentences."""
    batch = batch_of(examples)
    sentences, length = len(examples), 4
    tokens = torch.randint(4, VOCABULARY, (sentences, beam, length), generator=torch.Generator().manual_seed(3))
    tokens[:, :, 0] = SPECIAL.bos
    parents = torch.tensor([[data.draw(st.integers(0, beam - 1)) for _ in range(beam)] for _ in range(sentences)])
    alive = torch.tensor(sorted(data.draw(st.sets(st.integers(0, sentences - 1), min_size=1))))
    with torch.no_grad():
        memory = model.encode(batch.source, batch.source_mask)
        state = model.init_state(memory, beam, length)
        for position in range(length - 1):
            state = model.step(tokens[:, :, position], memory, state).state
        rows = (torch.arange(sentences)[:, None] * beam + parents)[alive].flatten()
        memory, state = memory.select(alive), state.select(rows)
        stepped = model.step(tokens[alive][:, :, -1], memory, state).logits
        for place, sentence_number in enumerate(alive.tolist()):
            for k in range(beam):
                prefix = tokens[sentence_number, parents[sentence_number, k]].clone()
                prefix[-1] = tokens[sentence_number, k, -1]
                alone = batch_of([(examples[sentence_number][0], prefix[1:].tolist())])
                logits, _ = teacher_forced(model, alone)
                torch.testing.assert_close(stepped[place, k], logits[0, length - 1], atol=TOLERANCE, rtol=0)


@contextmanager
def closest_call() -> Iterator[list[float]]:
    """The least differences between the scores of a search's best candidates, step by step."""
    margins: list[float] = []
    choose = beam._continue

    def watched(*arguments: Any) -> Any:
        found = choose(*arguments)
        differences = found.sums[:, :-1] - found.sums[:, 1:]
        margins.append(float(differences[differences.isfinite()].min()) if differences.isfinite().any() else math.inf)
        return found

    with patch.object(beam, "_continue", watched):
        yield margins


@settings(max_examples=6)
@given(examples=pairs)
def search_with_a_coverage_penalty_translates_alone_as_in_a_batch(
    model: Model, examples: list[tuple[list[int], list[int]]]
) -> None:
    options = BeamSearch(beam=3, length_penalty=0.2, coverage_penalty=0.2, max_length_factor=1.0, max_length_offset=2)
    batch = pad_source(batch_of(examples), 2, 1)
    together = options.search(model, batch.source, batch.source_mask, need_attention=True)
    for (source, _), (found,) in zip(examples, together, strict=True):
        one = batch_of([(source, [4])])
        with closest_call() as margins:
            ((alone,),) = options.search(model, one.source, one.source_mask)
        if min(margins) < 1e-5:  # rounding alone decides which of two hypotheses goes on
            continue
        assert found.tokens == alone.tokens
        assert found.score == pytest.approx(alone.score, abs=1e-4)
        assert found.score <= found.log_probability / length_penalty(found, options) + 1e-5
        assert found.attention is not None
        assert found.attention.shape == (len(found.tokens) + 1, len(source) + 1)


def length_penalty(hypothesis: Hypothesis, options: BeamSearch) -> float:
    return math.pow((5 + len(hypothesis.tokens) + 1) / 6, options.length_penalty)
