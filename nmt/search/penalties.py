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
"""Lower bound of coverage: log 0 would discard a hypothesis for one unseen word."""


def length_penalty(length: Tensor, alpha: float, normalization: LengthNormalization) -> Tensor:
    """The divisor of log P(Y|X); at least 1, and non-decreasing in the length.

    Args:
        length: any shape, |Y| with EOS, so at least 1.
        alpha: 0 turns normalisation off.
        normalization: "gnmt" is ((5 + |Y|) / 6) ** alpha; "power" is |Y| ** alpha (fairseq's lenpen).
    """
    base = (length + 5) / 6 if normalization == "gnmt" else length.to(torch.get_default_dtype())
    return base.pow(alpha)


def coverage_penalty(coverage: Tensor, words: Tensor, beta: float) -> Tensor:
    """The penalty beta * sum_i log(min(sum_j p_ij, 1)), which is never positive.

    Args:
        coverage: [..., S], attention that each source position has received so far, summed over j.
        words: bool, broadcast against `coverage`; True on source words that count (not padding, not EOS).

    Returns:
        [...]
    """
    covered = coverage.clamp(COVERAGE_FLOOR, 1.0).log()
    return beta * covered.masked_fill(~words, 0.0).sum(-1)
