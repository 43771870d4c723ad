"""Settings of reranking. Does not import numpy, to keep `nmt rerank --help` fast."""

from __future__ import annotations

from typing import Literal

from nmt.options import Count, Options, Seed

Preset = Literal["sum", "noisy_channel"]
Tunable = Literal["bleu", "chrf"]
"""Measures that weights can be tuned for."""


class TuningOptions(Options):
    """Settings of the search for weights."""

    seed: Seed = 1
    """Seed of the search for weights; the same seed finds the same weights."""
    folds: Count = 5
    """Parts of the development set for cross-validation, an honest estimate of the gain: each part is reranked with
    weights tuned on the others, starting from equal ones. At most one part a line. 0 or 1: none, which takes a sixth of
    the time."""
