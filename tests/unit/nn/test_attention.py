"""The paths through attention compute the same function."""

from __future__ import annotations

import pytest
import torch

from nmt.nn import native
from nmt.nn.attention import attend
from nmt.nn.dropout import Dropout
from nmt.nn.mixers import Attention


def _inputs(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    queries, keys, values = torch.randn(3, 2, 4, 5, 8).to(dtype).unbind(0)
    return queries, keys, values


def test_the_separate_products_equal_the_fused_kernel() -> None:
    queries, keys, values = _inputs()
    mask = torch.tensor([[True] * 5, [True, True, True, False, False]])[:, None, None, :]
    off = Dropout(0.0)
    for causal, given in ((False, mask), (True, None)):
        fused = attend(queries, keys, values, given, causal=causal, dropout=off)
        q, k, v = (tensor.bfloat16().requires_grad_() for tensor in (queries, keys, values))
        separate = attend(q, k, v, given, causal=causal, dropout=off)  # bf16 with gradients takes the other path
        assert separate.dtype == torch.bfloat16
        torch.testing.assert_close(separate.float(), fused, atol=0.03, rtol=0.03)


def test_attention_dropout_keeps_the_expectation() -> None:
    torch.manual_seed(0)
    queries, keys, values = _inputs()
    exact = attend(queries, keys, values, None, causal=True, dropout=Dropout(0.0))
    dropped = [attend(queries, keys, values, None, causal=True, dropout=Dropout(0.3)) for _ in range(3000)]
    torch.testing.assert_close(torch.stack(dropped).mean(0), exact, atol=0.12, rtol=0)


@torch.no_grad()
def test_padding_does_not_change_a_bit_of_a_sentence_that_is_read() -> None:
    """8-bit layers would make a step of a difference in the last digit."""
    if native.library() is None:
        pytest.skip("torch's attention rounds otherwise with other padding")
    attention = Attention(128, 4, 0.0).eval()
    x = torch.randn(1, 6, 128)
    alone = attention(x, torch.ones(1, 6, dtype=torch.bool))
    for length in (7, 9, 14, 30, 100):
        padded, mask = torch.randn(3, length, 128), torch.zeros(3, length, dtype=torch.bool)
        padded[1, 1:7], mask[1, 1:7] = x[0], True
        mask[[0, 2]] = True
        assert torch.equal(attention(padded, mask)[1, 1:7], alone[0])
