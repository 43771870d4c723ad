"""Scores of additive attention (Bahdanau et al. 2014)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import linear

from nmt.nn import native


def additive_scores(queries: Tensor, keys: Tensor, energy: Tensor) -> Tensor:
    """energy . tanh(query + key): [B, K, S] for queries [B, K, A], keys [B, S, A] and energy [1, A]."""
    functions = native.functions_for(queries, keys, energy)
    if functions is None:
        hidden = torch.tanh(queries[:, :, None] + keys[:, None])  # [B, K, S, A]
        return linear(hidden, energy).squeeze(-1)
    sentences, beam, size = queries.shape
    scores = torch.empty((sentences, beam, keys.shape[1]))
    functions.additive_scores(
        queries.data_ptr(),
        keys.data_ptr(),
        energy.data_ptr(),
        sentences,
        beam,
        keys.shape[1],
        size,
        scores.data_ptr(),
    )
    return scores
