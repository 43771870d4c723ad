"""Attention by the C functions is that of torch, to one's own past and to the source, and depends on nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from nmt.nn import native
from nmt.nn.additive_attention import AdditiveAttention
from nmt.nn.attention import CrossAttention
from nmt.nn.dropout import Dropout
from nmt.nn.kernels.additive_scores import additive_scores
from nmt.nn.kernels.attention import attend_to_source
from nmt.nn.kernels.attention_step import attend_in_step
from nmt.nn.keys_values import KeysValues, Slot
from tests.unit.nn.native_inputs import bad_numbers, drawn, same_bits, seeds
from tests.without_native import without_library

pytestmark = pytest.mark.skipif(native.library() is None, reason="the C functions were not compiled")

sizes = st.sampled_from([1, 3, 8, 32, 64, 128])
"""Of a head."""
no_dropout = Dropout(0.0).eval()
magnitudes = st.sampled_from([1e-20, 1e-3, 1.0, 30.0])


@pytest.fixture(autouse=True, scope="module")
def no_gradient() -> Iterator[None]:
    with torch.no_grad():
        yield


def pasts(seed: int, sentences: int, beam: int, heads: int, size: int, length: int) -> tuple[KeysValues, Slot]:
    """Keys and values with room for two positions more than come, and which each hypothesis attends to."""
    random = torch.Generator().manual_seed(seed)
    kept = KeysValues(*drawn(seed, 2, sentences, (length + 3) * beam, heads, size).unbind())
    own = torch.randint(0, beam, (sentences, beam, length), generator=random) + torch.arange(length) * beam
    newest = (length * beam + torch.arange(beam)).expand(sentences, beam)[..., None]
    return KeysValues(kept.keys.clone(), kept.values.clone()), Slot(length * beam, torch.cat([own, newest], 2))


def copied(past: KeysValues) -> KeysValues:
    return KeysValues(past.keys.clone(), past.values.clone())


@settings(max_examples=100)
@given(
    seed=seeds, sentences=st.integers(1, 3), beam=st.integers(1, 6), heads=st.integers(1, 4), size=sizes,
    length=st.integers(0, 12), magnitude=magnitudes,
)  # fmt: skip
@example(seed=0, sentences=2, beam=5, heads=2, size=8, length=300, magnitude=1.0)
def test_attention_to_ones_own_past_is_that_without_the_library(
    seed: int, sentences: int, beam: int, heads: int, size: int, length: int, magnitude: float
) -> None:
    past, slot = pasts(seed, sentences, beam, heads, size, length)
    plain = copied(past)
    projected = drawn(seed + 1, sentences, beam, 3, heads * size)
    projected[:, :, 0] *= magnitude
    projected = projected.flatten(2)
    found = attend_in_step(projected, past, slot)
    with without_library():
        expected = attend_in_step(projected, plain, slot)
    # errors of the scores, which are as large as magnitude * a few, become relative ones of the weights
    torch.testing.assert_close(found, expected, atol=5e-6 * (1 + magnitude), rtol=0)
    assert torch.equal(past.keys, plain.keys)
    assert torch.equal(past.values, plain.values)


@settings(max_examples=50)
@given(seed=seeds, sentences=st.integers(2, 4), beam=st.integers(1, 3), size=sizes, length=st.integers(0, 20))
def test_attention_to_ones_own_past_depends_on_nothing_else(
    seed: int, sentences: int, beam: int, size: int, length: int
) -> None:
    """Not a bit of it: neither on batch mates nor on the entries of others, and not on where a sentence lies."""
    past, slot = pasts(seed, sentences, beam, 3, size, length)
    projected = drawn(seed + 1, sentences, beam, 9 * size)
    together = attend_in_step(projected, past, slot)
    for sentence in range(sentences):
        here = slice(sentence, sentence + 1)
        alone = copied(KeysValues(past.keys[here], past.values[here]))
        others = torch.ones(alone.keys.shape[1], dtype=torch.bool)
        others[slot.own[sentence].flatten()] = False
        alone.keys[:, others] = alone.values[:, others] = math.nan
        found = attend_in_step(projected[here].clone(), alone, Slot(slot.start, slot.own[here].clone()))
        assert same_bits(found[0], together[sentence])


@bad_numbers
def test_a_hypothesis_that_is_not_finite_disturbs_no_other(bad: float) -> None:
    past, slot = pasts(0, 2, 3, 2, 8, 4)
    projected = drawn(1, 2, 3, 48)
    usual = attend_in_step(projected, past, slot)
    spoilt = projected.clone()
    spoilt[1, 2, ::2] = bad
    found = attend_in_step(spoilt, past, slot)
    assert found[1, 2].isnan().all()
    found[1, 2] = usual[1, 2]
    assert same_bits(found, usual)


def masks(seed: int, sentences: int, length: int) -> Tensor:
    """[B, 1, 1, S]: at least one real token, anywhere."""
    random = torch.Generator().manual_seed(seed)
    mask = torch.rand((sentences, length), generator=random) < torch.rand((sentences, 1), generator=random)
    mask.scatter_(1, torch.randint(0, length, (sentences, 1), generator=random), True)
    return mask[:, None, None]


@settings(max_examples=100)
@given(
    seed=seeds, sentences=st.integers(1, 3), beam=st.integers(1, 9), heads=st.integers(1, 4), size=sizes,
    length=st.integers(1, 20), magnitude=magnitudes, need_attention=st.booleans(),
)  # fmt: skip
@example(seed=0, sentences=2, beam=5, heads=2, size=8, length=1000, magnitude=1.0, need_attention=False)
def test_attention_to_the_source_is_that_without_the_library(
    seed: int, sentences: int, beam: int, heads: int, size: int, length: int, magnitude: float, need_attention: bool
) -> None:
    torch.manual_seed(seed)
    layer = CrossAttention(heads * size, heads, 0.0).eval()
    memory, mask = layer.project(drawn(seed, sentences, length, heads * size)), masks(seed, sentences, length)
    x = magnitude * drawn(seed + 1, sentences, beam, heads * size)
    found, weights = layer(x, memory, mask, need_attention=need_attention)
    with without_library():
        expected, expected_weights = layer(x, memory, mask, need_attention=need_attention)
    torch.testing.assert_close(found, expected, atol=5e-6 * (1 + magnitude), rtol=0)
    assert need_attention is (weights is not None)
    if weights is not None:
        assert torch.equal(weights, expected_weights)


@settings(max_examples=50)
@given(
    seed=seeds, beam=st.integers(1, 6), heads=st.integers(1, 3), size=sizes, length=st.integers(1, 20),
    left=st.integers(0, 3), right=st.integers(0, 3),
)  # fmt: skip
def test_attention_to_the_source_depends_on_nothing_but_its_real_tokens(
    seed: int, beam: int, heads: int, size: int, length: int, left: int, right: int
) -> None:
    """Not a bit of it: neither on padding, whatever stands there, nor on batch mates or the other queries."""
    queries, memory = drawn(seed, 3, beam, heads * size), drawn(seed + 1, 2, 3, length, heads, size)
    whole = torch.ones((3, 1, 1, length), dtype=torch.bool)
    expected = attend_to_source(queries, memory[0], memory[1], whole, no_dropout)
    keys, values = torch.nn.functional.pad(memory, (0, 0, 0, 0, left, right), value=math.nan)
    mask = torch.nn.functional.pad(whole, (left, right), value=False)
    assert same_bits(attend_to_source(queries, keys, values, mask, no_dropout), expected)
    query, key, value = (tensor[2:].clone() for tensor in (queries[:, beam - 1 :], keys, values))
    alone = attend_to_source(query, key, value, mask[2:].clone(), no_dropout)
    assert same_bits(alone[0, 0], expected[2, beam - 1])


@settings(max_examples=50)
@given(
    seed=seeds, sentences=st.integers(1, 3), beam=st.integers(1, 6), size=st.sampled_from([1, 7, 16, 100, 512]),
    length=st.integers(1, 20), magnitude=st.sampled_from([1e-20, 1e-3, 1.0, 30.0, 1e10]),
)  # fmt: skip
def test_additive_attention_is_that_without_the_library(
    seed: int, sentences: int, beam: int, size: int, length: int, magnitude: float
) -> None:
    """Where the hyperbolic tangent is linear, where it is curved, and where it ends."""
    torch.manual_seed(seed)
    layer = AdditiveAttention(5, 6, size)
    source, mask = drawn(seed, sentences, length, 6), masks(seed, sentences, length)[:, 0, 0]
    query, keys = magnitude * drawn(seed + 1, sentences, beam, 5), magnitude * layer.project(source)
    found = layer(query, keys, source, mask)
    with without_library():
        expected = layer(query, keys, source, mask)
    for some, others in zip(found, expected, strict=True):
        torch.testing.assert_close(some, others, atol=1e-5, rtol=0)


@settings(max_examples=30)
@given(seed=seeds, beam=st.integers(1, 6), size=st.sampled_from([1, 7, 16, 100]), length=st.integers(1, 20))
def test_additive_scores_depend_on_nothing_but_their_query_and_key(
    seed: int, beam: int, size: int, length: int
) -> None:
    """Not a bit of them; and each is the tangent's, also of what is not finite."""
    queries, keys, energy = drawn(seed, 3, beam, size), drawn(seed + 1, 3, length, size), drawn(seed + 2, 1, size)
    queries[0] *= 1e30
    queries[1, 0, 0] = math.nan
    together = additive_scores(queries, keys, energy)
    expected = (torch.tanh(queries[:, :, None].double() + keys[:, None]) * energy[0]).sum(-1)
    close = (together - expected).abs() <= 1e-6 * energy.abs().sum() + 1e-6
    assert (close | together.isnan() & expected.isnan()).all()
    alone = additive_scores(queries[2:, beam - 1 :].clone(), keys[2:, length - 1 :].clone(), energy)
    assert same_bits(alone[0, 0], together[2, beam - 1, length - 1 :])
