"""The C functions of decoding give what torch gives, for every shape, and a row's result is that of the row alone."""

from __future__ import annotations

import importlib.machinery
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from nmt.nn import native
from nmt.nn.attention import CrossAttention, KeysValues, Place, attend_in_step
from nmt.nn.int8_product import Int8Product, activation_levels, is_supported, quantize_rows
from tests.without_native import without_library

needs_library = pytest.mark.skipif(native.library() is None, reason="the C functions were not compiled")
needs_kernel = pytest.mark.skipif(not is_supported(), reason="the kernel is for x86-64")
seeds = st.integers(0, 2**32 - 1)
sizes = st.sampled_from([1, 3, 8, 32, 64, 128])
"""Of a head."""
magnitudes = st.sampled_from([1e-20, 1e-3, 1.0, 30.0])
bad_numbers = pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])


@pytest.fixture(autouse=True, scope="module")
def no_gradient() -> Iterator[None]:
    with torch.no_grad():
        yield


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def same_bits(left: Tensor, right: Tensor) -> bool:
    return torch.equal(left.view(torch.int32), right.view(torch.int32))


# The library


def test_it_was_compiled_where_there_is_a_compiler() -> None:
    if os.environ.get(native.OFF) == "0":
        pytest.skip(f"{native.OFF}=0 leaves everything to torch")
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("there is no C compiler")
    assert native.library() is not None, (
        "nmt/nn/native/decoding.c is not compiled, or was for another machine or from an older source: run `make "
        "install`, or `pip install --no-build-isolation --no-deps --editable .`"
    )


@needs_library
def test_it_is_left_alone_where_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    find = native.library.__wrapped__
    monkeypatch.delenv(native.OFF, raising=False)
    assert find() is not None
    monkeypatch.setenv(native.OFF, "0")
    assert find() is None


@needs_library
def test_a_file_that_does_not_fit_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """None, one of another machine, and one compiled from an older source."""
    find = native.library.__wrapped__
    with monkeypatch.context() as patch:
        patch.setattr(native, "__file__", str(tmp_path / "__init__.py"))
        assert find() is None
        (tmp_path / f"{native.LIBRARY}{importlib.machinery.EXTENSION_SUFFIXES[0]}").write_bytes(b"\x7fELF of a toaster")
        assert find() is None
    monkeypatch.setitem(native._ARGUMENTS, "a_newer_function", ())
    assert find() is None


@needs_library
def test_what_it_cannot_take_is_left_to_torch() -> None:
    x = torch.zeros(3, 4)
    assert native.applies(x)
    assert native.applies(x, x[:1], x[1:])
    for other in (x.double(), x.bfloat16(), x.T, x[:, :2], x.to("meta")):
        assert not native.applies(x, other)
    with torch.enable_grad():
        assert not native.applies(x)
    with without_library():
        assert not native.applies(x)


# 8-bit products


@needs_library
@needs_kernel
@settings(max_examples=100)
@given(
    seed=seeds, rows=st.integers(0, 70), inputs=st.integers(1, 150), outputs=st.integers(1, 140),
    biased=st.booleans(), magnitude=st.floats(-15, 15),
)  # fmt: skip
def test_products_are_those_of_the_definition(
    seed: int, rows: int, inputs: int, outputs: int, biased: bool, magnitude: float
) -> None:
    weight, weight_scale = quantize_rows(drawn(seed, outputs, inputs))
    weight_scale = weight_scale.squeeze(-1) * torch.logspace(-3, 3, outputs)
    x = drawn(seed + 1, rows, inputs) * torch.logspace(-6, 6, rows)[:, None] * 10**magnitude
    x[1::4] = 0.0
    levels = activation_levels()
    # no value in the middle between two numbers: the last bit of a scale, which may differ, decides there
    x = x.masked_fill(((x / quantize_rows(x, levels)[1]).frac().abs() - 0.5).abs() < 1e-3, 0.0)
    bias = drawn(seed + 2, outputs) * 10**magnitude if biased else None
    before = x.clone()
    found = Int8Product(weight, weight_scale)(x, bias)
    assert (found.dtype, found.shape) == (torch.float32, (rows, outputs))
    assert torch.equal(x, before)
    q, row_scale = quantize_rows(x, levels)
    unit = row_scale.double() * weight_scale.double()
    sums = q.double() @ weight.double().T
    expected = sums * unit + (0.0 if bias is None else bias.double())
    assert ((found - expected).abs() <= 1e-6 * (sums.abs() * unit + expected.abs()) + 1e-35).all()
    with without_library():
        plain = Int8Product(weight, weight_scale)(x, bias)
    torch.testing.assert_close(found, plain, rtol=1e-5, atol=10 ** (magnitude - 5))


@needs_library
@needs_kernel
@given(seed=seeds, rows=st.integers(1, 24), inputs=st.integers(1, 70), outputs=st.integers(1, 140))
def test_a_rows_product_depends_on_nothing_but_the_row(seed: int, rows: int, inputs: int, outputs: int) -> None:
    """Not a bit of it: neither on its neighbours, nor on their number, nor on where it lies."""
    weight, weight_scale = quantize_rows(drawn(seed, outputs, inputs))
    product, bias = Int8Product(weight, weight_scale.squeeze(-1)), drawn(seed + 1, outputs)
    x = drawn(seed + 2, rows, inputs) * torch.logspace(-6, 6, rows)[:, None]
    together, last = product(x, bias), product(x.flip(0), bias).flip(0)
    assert same_bits(together, last)
    for row in range(rows):
        assert same_bits(product(x[row : row + 1].clone(), bias)[0], together[row])


@needs_library
@needs_kernel
def test_any_layout_of_rows_will_do() -> None:
    weight, scale = quantize_rows(drawn(0, 33, 40))
    product, x = Int8Product(weight, scale.squeeze(-1)), drawn(1, 40, 6)
    assert same_bits(product(x.T), product(x.T.contiguous()))
    assert same_bits(product(x.T[::2]), product(x.T[::2].contiguous()))


@needs_library
@needs_kernel
@bad_numbers
@pytest.mark.parametrize("place", [0, 7, 39])
def test_a_row_that_is_not_finite_gives_no_finite_number_and_disturbs_no_other(bad: float, place: int) -> None:
    x, (weight, scale) = drawn(0, 5, 40), quantize_rows(drawn(1, 33, 40))
    product, bias = Int8Product(weight, scale.squeeze(-1)), drawn(2, 33)
    usual = product(x, bias)
    spoilt = x.clone()
    spoilt[2, place] = bad
    found = product(spoilt, bias)
    assert not found[2].isfinite().any()
    others = [0, 1, 3, 4]
    assert same_bits(found[others], usual[others])


# Attention


def pasts(seed: int, sentences: int, beam: int, heads: int, size: int, length: int) -> tuple[KeysValues, Place]:
    """Keys and values with room for two positions more than come, and which each hypothesis attends to."""
    random = torch.Generator().manual_seed(seed)
    kept = KeysValues(*drawn(seed, 2, sentences, (length + 3) * beam, heads, size).unbind())
    own = torch.randint(0, beam, (sentences, beam, length), generator=random) + torch.arange(length) * beam
    newest = (length * beam + torch.arange(beam)).expand(sentences, beam)[..., None]
    return KeysValues(kept.keys.clone(), kept.values.clone()), Place(length * beam, torch.cat([own, newest], 2))


def copied(past: KeysValues) -> KeysValues:
    return KeysValues(past.keys.clone(), past.values.clone())


@needs_library
@settings(max_examples=100)
@given(
    seed=seeds, sentences=st.integers(1, 3), beam=st.integers(1, 6), heads=st.integers(1, 4), size=sizes,
    length=st.integers(0, 12), magnitude=magnitudes,
)  # fmt: skip
@example(seed=0, sentences=2, beam=5, heads=2, size=8, length=300, magnitude=1.0)
def test_attention_to_ones_own_past_is_that_without_the_library(
    seed: int, sentences: int, beam: int, heads: int, size: int, length: int, magnitude: float
) -> None:
    past, place = pasts(seed, sentences, beam, heads, size, length)
    plain = copied(past)
    projected = drawn(seed + 1, sentences, beam, 3, heads * size)
    projected[:, :, 0] *= magnitude
    projected = projected.flatten(2)
    found = attend_in_step(projected, past, place)
    with without_library():
        expected = attend_in_step(projected, plain, place)
    # errors of the scores, which are as large as magnitude * a few, become relative ones of the weights
    torch.testing.assert_close(found, expected, atol=5e-6 * (1 + magnitude), rtol=0)
    assert torch.equal(past.keys, plain.keys)
    assert torch.equal(past.values, plain.values)


@needs_library
@settings(max_examples=50)
@given(seed=seeds, sentences=st.integers(2, 4), beam=st.integers(1, 3), size=sizes, length=st.integers(0, 20))
def test_attention_to_ones_own_past_depends_on_nothing_else(
    seed: int, sentences: int, beam: int, size: int, length: int
) -> None:
    """Not a bit of it: neither on batch mates nor on the entries of others, and not on where a sentence lies."""
    past, place = pasts(seed, sentences, beam, 3, size, length)
    projected = drawn(seed + 1, sentences, beam, 9 * size)
    together = attend_in_step(projected, past, place)
    for sentence in range(sentences):
        here = slice(sentence, sentence + 1)
        alone = copied(KeysValues(past.keys[here], past.values[here]))
        others = torch.ones(alone.keys.shape[1], dtype=torch.bool)
        others[place.own[sentence].flatten()] = False
        alone.keys[:, others] = alone.values[:, others] = math.nan
        found = attend_in_step(projected[here].clone(), alone, Place(place.start, place.own[here].clone()))
        assert same_bits(found[0], together[sentence])


@needs_library
@bad_numbers
def test_a_hypothesis_that_is_not_finite_disturbs_no_other(bad: float) -> None:
    past, place = pasts(0, 2, 3, 2, 8, 4)
    projected = drawn(1, 2, 3, 48)
    usual = attend_in_step(projected, past, place)
    spoilt = projected.clone()
    spoilt[1, 2, ::2] = bad
    found = attend_in_step(spoilt, past, place)
    assert found[1, 2].isnan().all()
    found[1, 2] = usual[1, 2]
    assert same_bits(found, usual)


def masks(seed: int, sentences: int, length: int) -> Tensor:
    """[B, 1, 1, S]: at least one real token, anywhere."""
    random = torch.Generator().manual_seed(seed)
    mask = torch.rand((sentences, length), generator=random) < torch.rand((sentences, 1), generator=random)
    mask.scatter_(1, torch.randint(0, length, (sentences, 1), generator=random), True)
    return mask[:, None, None]


@needs_library
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


@needs_library
@settings(max_examples=50)
@given(
    seed=seeds, beam=st.integers(1, 6), heads=st.integers(1, 3), size=sizes, length=st.integers(1, 20),
    left=st.integers(0, 3), right=st.integers(0, 3),
)  # fmt: skip
def test_attention_to_the_source_depends_on_nothing_but_its_real_tokens(
    seed: int, beam: int, heads: int, size: int, length: int, left: int, right: int
) -> None:
    """Not a bit of it: neither on padding, whatever stands there, nor on batch mates or the other queries."""
    queries, real = drawn(seed, 3, beam, heads * size), drawn(seed + 1, 2, 3, length, heads, size)
    whole = torch.ones((3, 1, 1, length), dtype=torch.bool)
    expected = native.attend_to_source(queries, *real, whole)
    padded = torch.nn.functional.pad(real, (0, 0, 0, 0, left, right), value=math.nan)
    mask = torch.nn.functional.pad(whole, (left, right), value=False)
    assert same_bits(native.attend_to_source(queries, *padded, mask), expected)
    alone = native.attend_to_source(queries[2:, beam - 1 :].clone(), *padded[:, 2:].clone(), mask[2:].clone())
    assert same_bits(alone[0, 0], expected[2, beam - 1])


# Search


def tables(seed: int, sentences: int, beam: int, vocabulary: int, magnitude: float) -> tuple[Tensor, Tensor]:
    """Logits, each row of another magnitude around another mean; and the live hypotheses, some of which there are."""
    random = torch.Generator().manual_seed(seed)
    logits = drawn(seed, sentences * beam, vocabulary) * magnitude
    logits *= 10 ** torch.rand((sentences * beam, 1), generator=random)
    logits += 20 * drawn(seed + 1, sentences * beam, 1)
    live = -30 * torch.rand((sentences, beam), generator=random)
    live[torch.rand(live.shape, generator=random) < 0.3] = -math.inf
    return logits, live


vocabularies = st.sampled_from([1, 5, 63, 64, 65, 128, 200, 1003, 8000])


@needs_library
@settings(max_examples=150)
@given(
    seed=seeds, sentences=st.integers(1, 4), beam=st.integers(1, 6), vocabulary=vocabularies,
    count=st.integers(1, 14), magnitude=st.sampled_from([0.0, 1e-6, 1.0, 50.0]),
    banned=st.lists(st.integers(0, 6), max_size=3, unique=True), pruned=st.sampled_from([0.0, 0.5, 0.99]),
)  # fmt: skip
def test_the_best_continuations_are_those_of_log_softmax(
    seed: int,
    sentences: int,
    beam: int,
    vocabulary: int,
    count: int,
    magnitude: float,
    banned: list[int],
    pruned: float,
) -> None:
    """By its definition, in float64. There may be fewer than asked for, or none."""
    logits, live = tables(seed, sentences, beam, vocabulary, magnitude)
    for token in (each for each in banned if each < vocabulary):
        logits[::2, token] = logits.max()  # the best there is, and the softmax counts it
    off = torch.rand(logits.shape, generator=torch.Generator().manual_seed(seed)) < pruned
    off[:, seed % vocabulary] = False
    logits[off] = -math.inf
    before = logits.clone()
    sums, parents, tokens = native.best_continuations(logits, live, count, tuple(banned))
    assert (sums.dtype, parents.dtype, tokens.dtype) == (torch.float32, torch.int64, torch.int64)
    assert sums.shape == parents.shape == tokens.shape == (sentences, count)
    assert torch.equal(logits, before)
    table = logits.double().log_softmax(-1).view(sentences, beam, vocabulary) + live.double()[..., None]
    table[..., [token for token in banned if token < vocabulary]] = -math.inf
    best = torch.full((sentences, count), -math.inf, dtype=torch.float64)
    there = min(count, beam * vocabulary)
    best[:, :there] = table.flatten(1).topk(there, -1).values
    close = {"rtol": 0, "atol": 1e-6 * (100 + float(logits.masked_fill(off, 0.0).abs().max()))}
    torch.testing.assert_close(sums.double(), best, **close)
    named = table[torch.arange(sentences)[:, None], parents, tokens]
    some = sums > -math.inf
    torch.testing.assert_close(named[some], best[some], **close)
    assert (parents[~some] == 0).all()
    assert (tokens[~some] == 0).all()
    assert (sums[:, :-1] >= sums[:, 1:]).all()
    chosen = (parents * vocabulary + tokens).masked_fill(~some, -1).tolist()
    assert all(len(set(row) - {-1}) == sum(each >= 0 for each in row) for row in chosen), "one was chosen twice"


@needs_library
@settings(max_examples=50)
@given(seed=seeds, beam=st.integers(1, 4), vocabulary=vocabularies, levels=st.integers(1, 4), count=st.integers(1, 12))
def test_of_equal_sums_the_lower_hypothesis_and_then_the_lower_token_comes_first(
    seed: int, beam: int, vocabulary: int, levels: int, count: int
) -> None:
    row = torch.randint(0, levels, (vocabulary,), generator=torch.Generator().manual_seed(seed)).float()
    everything = [(k, v) for k in range(beam) for v in range(vocabulary) if v != 2]
    order = sorted(everything, key=lambda pair: (-row[pair[1]], *pair))[:count]
    _, parents, tokens = native.best_continuations(row.expand(beam, -1).contiguous(), torch.zeros(1, beam), count, (2,))
    found = list(zip(parents[0].tolist(), tokens[0].tolist(), strict=True))
    assert found[: len(order)] == order
    assert found[len(order) :] == [(0, 0)] * (count - len(order))


@needs_library
@given(seed=seeds, beam=st.integers(1, 6), vocabulary=vocabularies)
def test_a_sentences_continuations_depend_on_nothing_but_its_hypotheses(seed: int, beam: int, vocabulary: int) -> None:
    """Not a bit of them."""
    logits, live = tables(seed, 5, beam, vocabulary, 1.0)
    logits[2 * beam : 3 * beam] = math.nan
    live[3] = -math.inf
    together = native.best_continuations(logits, live, 2 * beam, (0, 2))
    for sentence in range(5):
        rows = logits[sentence * beam : (sentence + 1) * beam].clone()
        alone = native.best_continuations(rows, live[sentence : sentence + 1].clone(), 2 * beam, (0, 2))
        assert all(torch.equal(one[0], all_of_them[sentence]) for one, all_of_them in zip(alone, together, strict=True))
    assert (together[0][2:4] == -math.inf).all()


@needs_library
@bad_numbers
@pytest.mark.parametrize("place", [0, 63, 64, 99])
@pytest.mark.parametrize("everywhere", [False, True])
def test_a_row_of_logits_that_are_not_numbers_has_no_continuations(bad: float, place: int, everywhere: bool) -> None:
    """One that is minus infinity is only impossible."""
    logits, live = drawn(0, 3, 100), torch.zeros(1, 3)
    if everywhere:
        logits[1] = bad
    else:
        logits[1, place] = bad
    sums, parents, tokens = native.best_continuations(logits, live, 300, ())
    if bad == -math.inf and not everywhere:
        assert int((sums > -math.inf).sum()) == 299
        assert (1, place) not in zip(parents[0, :299].tolist(), tokens[0, :299].tolist(), strict=True)
        return
    assert sorted(set(parents[0, :200].tolist())) == [0, 2]
    assert sums[0, :200].isfinite().all()
    assert (sums[0, 200:] == -math.inf).all()
