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
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nmt.nn import native
from nmt.nn.kernels.continuations import best_continuations
from nmt.nn.kernels.int8_product import Int8Product, activation_levels, is_supported, quantize_rows
from nmt.nn.kernels.normalized_sum import normalized_sum
from tests.unit.nn.native_inputs import bad_numbers, drawn, needs_library, same_bits, seeds
from tests.without_native import without_library

needs_kernel = pytest.mark.skipif(not is_supported(), reason="the kernel is for x86-64")


@pytest.fixture(autouse=True, scope="module")
def no_gradient() -> Iterator[None]:
    with torch.no_grad():
        yield


# The library


def test_it_was_compiled_where_there_is_a_compiler() -> None:
    if os.environ.get(native.OFF) == "0":
        pytest.skip(f"{native.OFF}=0 leaves everything to torch")
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("there is no C compiler")
    for name, found in ((native.LIBRARY, native.library()), (native.PUSHDOWN, native.pushdown())):
        assert found is not None, (
            f"nmt/nn/native/{name}.c is not compiled, or was for another machine or from an older source: run `make "
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
    assert native.functions_for(x)
    assert native.functions_for(x, x[:1], x[1:])
    for other in (x.double(), x.bfloat16(), x.T, x[:, :2], x.to("meta")):
        assert not native.functions_for(x, other)
    with torch.enable_grad():
        assert not native.functions_for(x)
    with without_library():
        assert not native.functions_for(x)


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


# Residual sums


@needs_library
@settings(max_examples=100)
@given(
    seed=seeds, rows=st.integers(0, 9), size=st.sampled_from([1, 2, 7, 16, 33, 512, 1000]), affine=st.booleans(),
    magnitude=st.sampled_from([1e-6, 1.0, 1e10]), offset=st.sampled_from([0.0, 100.0]),
)  # fmt: skip
def test_residual_sums_are_normalised_by_the_definition(
    seed: int, rows: int, size: int, affine: bool, magnitude: float, offset: float
) -> None:
    """In float64."""
    norm = nn.LayerNorm(size)
    norm.weight.copy_(drawn(seed, size))
    norm.bias.copy_(drawn(seed + 1, size))
    x, update = drawn(seed + 2, 2, rows, size).unbind()
    x, update = magnitude * (x + offset), magnitude * update
    x[2::4], update[2::4] = 3.0, 0.0  # without any variance
    before = x.clone(), update.clone()
    found = normalized_sum(x, update, norm.weight, norm.bias) if affine else normalized_sum(x, update)
    assert torch.equal(x, before[0])
    assert torch.equal(update, before[1])
    exact = (x + update).double()
    centred = exact - exact.mean(-1, keepdim=True)
    inverse = (centred.square().mean(-1, keepdim=True) + 1e-5).rsqrt()
    expected = centred * inverse
    error = 1e-6 * (exact.abs().amax(-1, keepdim=True) * inverse + expected.abs() + 1)
    if affine:
        expected, error = expected * norm.weight + norm.bias, error * norm.weight.abs() + 1e-6 * norm.bias.abs()
    assert found.shape == x.shape
    assert ((found - expected).abs() <= error).all()
    for row in range(rows):
        one, other = x[row].clone(), update[row].clone()
        alone = normalized_sum(one, other, norm.weight, norm.bias) if affine else normalized_sum(one, other)
        assert same_bits(alone, found[row])


@needs_library
@bad_numbers
def test_a_residual_sum_that_is_not_finite_disturbs_no_other(bad: float) -> None:
    x, update = drawn(0, 2, 3, 40).unbind()
    usual = normalized_sum(x, update)
    update[1, 5] = bad
    found = normalized_sum(x, update)
    assert not found[1].isfinite().any()
    assert same_bits(found[::2], usual[::2])


@needs_library
def test_residual_sums_of_any_layout_and_with_a_gradient() -> None:
    norm, x, update = nn.LayerNorm(6), drawn(0, 4, 5, 6), drawn(1, 4, 5, 6)
    whole = norm(x + update)
    for some, others in (
        (x.transpose(0, 1).contiguous().transpose(0, 1), update),
        (x, update.mT.contiguous().mT),
        (x.view(20, 6), update.view(20, 6)),
    ):
        torch.testing.assert_close(normalized_sum(some, others, norm.weight, norm.bias).view_as(whole), whole)
        torch.testing.assert_close(normalized_sum(some, others).view_as(whole), whole)
    torch.testing.assert_close(normalized_sum(x, update[:1], norm.weight, norm.bias), norm(x + update[:1]))  # broadcast
    assert normalized_sum(x[:0], update[:0], norm.weight, norm.bias).shape == (0, 5, 6)
    with torch.enable_grad():
        normalized_sum(x, update, norm.weight, norm.bias).sum().backward()
        assert norm.bias.grad is not None
        learnt = x.clone().requires_grad_()
        normalized_sum(learnt, update).square().sum().backward()
        assert learnt.grad is not None


# Search


def tables(seed: int, sentences: int, beam: int, vocabulary: int, magnitude: float) -> tuple[Tensor, Tensor]:
    """Logits, each row of another magnitude around another mean; and the live hypotheses, some of which there are."""
    random = torch.Generator().manual_seed(seed)
    logits = drawn(seed, sentences * beam, vocabulary) * magnitude
    logits *= 10 ** torch.rand((sentences * beam, 1), generator=random)
    logits += 20 * drawn(seed + 1, sentences * beam, 1)
    live = -30 * torch.rand((sentences, beam), generator=random)
    live[torch.rand(live.shape, generator=random) < 0.3] = -math.inf
    return logits.view(sentences, beam, vocabulary), live


vocabularies = st.sampled_from([1, 5, 63, 64, 65, 128, 200, 1003, 8000])


@needs_library
@settings(max_examples=150)
@given(
    seed=seeds, sentences=st.integers(1, 4), beam=st.integers(1, 6), vocabulary=vocabularies,
    count=st.integers(1, 14), magnitude=st.sampled_from([0.0, 1e-6, 1.0, 50.0]),
    banned=st.lists(st.integers(0, 6), max_size=3, unique=True), pruned=st.sampled_from([0.0, 0.5, 0.99]),
    normalized=st.booleans(),
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
    normalized: bool,
) -> None:
    """By its definition, in float64. There may be fewer than asked for, or none."""
    logits, live = tables(seed, sentences, beam, vocabulary, magnitude)
    for token in (each for each in banned if each < vocabulary):
        logits.flatten(0, 1)[::2, token] = logits.max()  # the best there is, and the softmax counts it
    off = torch.rand(logits.shape, generator=torch.Generator().manual_seed(seed)) < pruned
    off[..., seed % vocabulary] = False
    logits[off] = -math.inf
    before = logits.clone()
    sums, parents, tokens = best_continuations(logits, live, count, tuple(banned), normalized=normalized)
    assert (sums.dtype, parents.dtype, tokens.dtype) == (torch.float32, torch.int64, torch.int64)
    assert sums.shape == parents.shape == tokens.shape == (sentences, count)
    assert torch.equal(logits, before)
    scores = logits.double() if normalized else logits.double().log_softmax(-1)
    table = scores + live.double()[..., None]
    table[..., [token for token in banned if token < vocabulary]] = -math.inf
    best = torch.full((sentences, count), -math.inf, dtype=torch.float64)
    there = min(count, beam * vocabulary)
    best[:, :there] = table.flatten(1).topk(there, -1).values
    # what may round away when so many terms are added up in float32, and of sums as large as the logits
    rounding = 6e-8 * vocabulary + 1e-6 * (100 + float(logits.masked_fill(off, 0.0).abs().max()))
    torch.testing.assert_close(sums.double(), best, rtol=0, atol=rounding)
    named = table[torch.arange(sentences)[:, None], parents, tokens]
    some = sums > -math.inf
    torch.testing.assert_close(named[some], best[some], rtol=0, atol=rounding)
    assert (parents[~some] == 0).all()
    assert (tokens[~some] == 0).all()
    assert (sums[:, :-1] >= sums[:, 1:]).all()
    chosen = (parents * vocabulary + tokens).masked_fill(~some, -1).tolist()
    assert all(len(set(row) - {-1}) == sum(each >= 0 for each in row) for row in chosen), "one was chosen twice"


@needs_library
@settings(max_examples=50)
@given(
    seed=seeds,
    beam=st.integers(1, 4),
    vocabulary=st.integers(1, 300),
    levels=st.integers(1, 4),
    count=st.integers(1, 12),
)
def test_of_equal_sums_the_lower_hypothesis_and_then_the_lower_token_comes_first(
    seed: int, beam: int, vocabulary: int, levels: int, count: int
) -> None:
    row = torch.randint(0, levels, (vocabulary,), generator=torch.Generator().manual_seed(seed)).float()
    everything = [(k, v) for k in range(beam) for v in range(vocabulary) if v != 2]
    order = sorted(everything, key=lambda pair: (-row[pair[1]], *pair))[:count]
    _, parents, tokens = best_continuations(row.expand(1, beam, -1).contiguous(), torch.zeros(1, beam), count, (2,))
    found = list(zip(parents[0].tolist(), tokens[0].tolist(), strict=True))
    assert found[: len(order)] == order
    assert found[len(order) :] == [(0, 0)] * (count - len(order))


@needs_library
@given(seed=seeds, beam=st.integers(1, 6), vocabulary=vocabularies)
def test_a_sentences_continuations_depend_on_nothing_but_its_hypotheses(seed: int, beam: int, vocabulary: int) -> None:
    """Not a bit of them."""
    logits, live = tables(seed, 5, beam, vocabulary, 1.0)
    logits[2] = math.nan
    live[3] = -math.inf
    together = best_continuations(logits, live, 2 * beam, (0, 2))
    for sentence in range(5):
        alone_logits = logits[sentence : sentence + 1].clone()
        alone = best_continuations(alone_logits, live[sentence : sentence + 1].clone(), 2 * beam, (0, 2))
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
    sums, parents, tokens = best_continuations(logits[None], live, 300, ())
    if bad == -math.inf and not everywhere:
        assert int((sums > -math.inf).sum()) == 299
        assert (1, place) not in zip(parents[0, :299].tolist(), tokens[0, :299].tolist(), strict=True)
        return
    assert sorted(set(parents[0, :200].tolist())) == [0, 2]
    assert sums[0, :200].isfinite().all()
    assert (sums[0, 200:] == -math.inf).all()


def test_a_library_compiled_from_another_source_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    if native.library() is None:
        pytest.skip("there is no library")
    monkeypatch.setattr(native, "INTERFACE", native.INTERFACE + 1)
    native.library.cache_clear()
    try:
        assert native.library() is None
    finally:
        monkeypatch.undo()
        native.library.cache_clear()
    assert native.library() is not None
