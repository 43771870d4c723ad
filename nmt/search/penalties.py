"""Length normalisation and coverage penalty of beam search (GNMT, arXiv 1609.08144, equation 14).

    s(Y, X) = log P(Y|X) / lp(Y) + cp(X; Y)

|Y| counts EOS: its probability is part of log P(Y|X), so its length is part of |Y|; and the attention
of the step that produces EOS is part of the coverage.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nmt.search.options import LengthNormalization

COVERAGE_FLOOR = 1e-9
"""Coverage below this counts as this: log 0 would throw a hypothesis away for one unseen word."""


def length_penalty(length: Tensor, alpha: float, normalization: LengthNormalization) -> Tensor:
    """What log P(Y|X) is divided by; at least 1 and never falling with the length.

    Args:
        length: any shape, |Y| with EOS, so at least 1.
        alpha: 0 switches normalisation off.
        normalization: "gnmt" is ((5 + |Y|) / 6) ** alpha; "power" is |Y| ** alpha (fairseq's lenpen).
    """
    base = (length + 5) / 6 if normalization == "gnmt" else length.to(torch.get_default_dtype())
    return base.pow(alpha)


def coverage_penalty(coverage: Tensor, words: Tensor, beta: float) -> Tensor:
    """beta * sum_i log(min(sum_j p_ij, 1)): never above 0.

    Args:
        coverage: [..., S] attention that each source position has received so far, summed over j.
        words: bool, broadcast against `coverage`; True where a source word counts (not padding, not EOS).

    Returns:
        [...] the penalty.
    """
    covered = coverage.clamp(COVERAGE_FLOOR, 1.0).log()
    return beta * covered.masked_fill(~words, 0.0).sum(-1)
