"""What the C functions are given, and when results are the same to the bit."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor

from nmt.nn import native

needs_library = pytest.mark.skipif(native.library() is None, reason="the C functions were not compiled")
seeds = st.integers(0, 2**32 - 1)
bad_numbers = pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def same_bits(left: Tensor, right: Tensor) -> bool:
    return torch.equal(left.view(torch.int32), right.view(torch.int32))
