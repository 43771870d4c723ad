"""8-bit products: exact in integers, and a row's result is that of the row alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nmt.nn.kernels.int8_product import (
    LEVELS,
    Int8Product,
    activation_levels,
    has_wide_accumulation,
    is_supported,
    plain_product,
    quantize_rows,
)

needs_kernel = pytest.mark.skipif(not is_supported(), reason="the kernel is for x86-64")
shapes = st.tuples(st.integers(0, 9), st.integers(1, 70), st.integers(1, 40))
"""Rows, inputs, outputs."""
seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def weights(seed: int, outputs: int, inputs: int) -> tuple[Tensor, Tensor, Tensor]:
    """An 8-bit weight, its scales, and a bias."""
    q, scale = quantize_rows(drawn(seed, outputs, inputs))
    return q, scale.squeeze(-1), drawn(seed + 1, outputs)


def test_the_known_answer_rounds_halves_to_even() -> None:
    q, scale = quantize_rows(torch.tensor([[0.5, -1.0, 0.25]]))
    assert q.tolist() == [[64, -127, 32]]
    assert scale.item() == pytest.approx(1 / 127)
    # 62.5 and 61.5, with the largest 127
    assert quantize_rows(torch.tensor([[62.5, 61.5, -62.5, 127.0]]))[0].tolist() == [[62, 62, -62, 127]]


@given(shape=shapes, seed=seeds, magnitude=st.floats(-15, 15), levels=st.sampled_from([63, 127]))
def test_the_error_is_at_most_half_a_step_of_the_rows_own_scale(
    shape: tuple[int, int, int], seed: int, magnitude: float, levels: int
) -> None:
    rows, inputs, _ = shape
    spread = torch.logspace(-6, 6, rows)[:, None]  # rows of very different magnitude
    x = drawn(seed, rows, inputs) * spread * 10**magnitude
    q, scale = quantize_rows(x, levels)
    assert (q.dtype, q.shape, scale.dtype, scale.shape) == (torch.int8, x.shape, torch.float32, (rows, 1))
    largest = x.abs().amax(-1, keepdim=True)
    assert ((q * scale - x).abs() <= largest / (2 * levels) * (1 + 1e-4)).all()
    assert (q.abs().amax(-1) == levels).all()  # all of the range is used, and no more: never -128


def test_rows_of_zeros_stay_zeros() -> None:
    x = torch.tensor([[0.0, 0.0], [0.0, 3.0]])
    q, scale = quantize_rows(x)
    assert q.tolist() == [[0, 0], [0, 127]]
    assert scale.isfinite().all()
    torch.testing.assert_close(q * scale, x)


def test_the_input_stays_as_it_is() -> None:
    x = drawn(0, 3, 5)
    before = x.clone()
    quantize_rows(x)
    weight, scale, bias = weights(1, 4, 5)
    if is_supported():
        Int8Product(weight, scale)(x, bias)
    assert torch.equal(x, before)


@given(shape=shapes, seed=seeds)
def test_the_plain_product_is_that_of_the_rounded_numbers(shape: tuple[int, int, int], seed: int) -> None:
    rows, inputs, outputs = shape
    x, (weight, scale, bias) = drawn(seed, rows, inputs), weights(seed, outputs, inputs)
    q, row_scale = quantize_rows(x)
    expected = (q.double() * row_scale) @ (weight.double() * scale[:, None]).T + bias
    torch.testing.assert_close(plain_product(x, weight, scale, bias), expected.float(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(plain_product(x, weight, scale), expected.float() - bias, atol=1e-5, rtol=1e-5)


@needs_kernel
@given(shape=shapes, seed=seeds, biased=st.booleans())
def test_the_kernel_gives_the_plain_product(shape: tuple[int, int, int], seed: int, biased: bool) -> None:
    rows, inputs, outputs = shape
    x, (weight, scale, bias) = drawn(seed, rows, inputs), weights(seed, outputs, inputs)
    # what either number of levels represents exactly, so that the law is the same on every CPU
    x = quantize_rows(x, activation_levels())[0].float()
    x[:, 0] = activation_levels()
    expected = x @ (weight * scale[:, None]).T + (bias if biased else 0.0)
    found = Int8Product(weight, scale)(x, bias if biased else None)
    assert (found.dtype, found.shape) == (torch.float32, (rows, outputs))
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-5)
    if activation_levels() == LEVELS:
        y = drawn(seed + 2, rows, inputs)
        plain = plain_product(y, weight, scale, bias)
        torch.testing.assert_close(Int8Product(weight, scale)(y, bias), plain, atol=1e-5, rtol=1e-5)


@needs_kernel
@given(shape=shapes, seed=seeds)
def test_a_rows_result_depends_on_nothing_but_the_row(shape: tuple[int, int, int], seed: int) -> None:
    """Not a bit of it: neither neighbours a million times larger nor their number change it."""
    rows, inputs, outputs = shape
    x = drawn(seed, rows, inputs) * torch.logspace(-6, 6, rows)[:, None]
    weight, scale, _ = weights(seed, outputs, inputs)
    for product in (Int8Product(weight, scale), lambda x: plain_product(x, weight, scale)):
        together = product(x)
        for row in range(rows):
            assert torch.equal(product(x[row : row + 1])[0], together[row])


@needs_kernel
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_row_that_is_not_finite_gives_no_finite_number_and_disturbs_no_other(bad: float) -> None:
    x = drawn(0, 5, 40)
    weight, scale, bias = weights(1, 33, 40)
    for product in (Int8Product(weight, scale), lambda x, bias: plain_product(x, weight, scale, bias)):
        usual = product(x, bias)
        spoilt = x.clone()
        spoilt[2, 7] = bad
        found = product(spoilt, bias)
        assert not found[2].isfinite().any()
        others = [0, 1, 3, 4]
        assert torch.equal(found[others], usual[others])


EXTREMES = """
import torch
from nmt.nn.kernels.int8_product import Int8Product, activation_levels, has_wide_accumulation, quantize_rows
torch.set_num_threads(1)
signs = torch.tensor([[1.0], [-1.0]])
for inputs in (1, 3, 64, 333, 4096):
    weight = torch.full((17, inputs), 127, dtype=torch.int8)
    weight[1::2] = -127
    product = Int8Product(weight, torch.ones(17))
    x = signs.expand(2, inputs)  # quantised: the largest magnitude everywhere
    expected = signs * 127.0 * inputs * torch.tensor([1.0, -1.0]).repeat(9)[:17]
    torch.testing.assert_close(product(x), expected, rtol=1e-6, atol=0)
    # and numbers of which every sum of two products would differ if it were cut off at 16 bits
    q = quantize_rows(torch.randn(5, inputs, generator=torch.Generator().manual_seed(inputs)), activation_levels())[0]
    q[:, 0] = activation_levels()
    exact = (q.long() @ weight.long().T).double()
    assert ((product(q.float()).double() - exact).abs() <= 1e-6 * q.long().abs().sum(1, keepdim=True) * 127).all()
print(has_wide_accumulation(), activation_levels())
"""


@needs_kernel
@pytest.mark.parametrize("limit", ["", "AVX2"])
def test_sums_of_the_largest_numbers_are_exact(limit: str) -> None:
    """Also where the instructions add products up in 16 bits, which a limit to old ones makes any CPU do."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"} | ({"ONEDNN_MAX_CPU_ISA": limit} if limit else {})
    done = subprocess.run(
        [sys.executable, "-c", EXTREMES], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ("False 63" if limit else f"{has_wide_accumulation()} {activation_levels()}")
