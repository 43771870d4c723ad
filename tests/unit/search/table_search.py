"""Beam search with the model that is a table."""

from __future__ import annotations

import torch
from torch import Tensor

from nmt.search import BeamSearch
from nmt.search.base import Hypothesis
from nmt.search.beam import beam_search
from nmt.tokenizer.base import SPECIAL
from tests.unit.search.table_model import TableModel


def batch(sentences: list[list[int]], extra: int = 0, left: bool = False) -> tuple[Tensor, Tensor]:
    """Padded [B, S] ids and mask of sentences that already end in EOS."""
    width = max(map(len, sentences)) + extra
    source = torch.full((len(sentences), width), SPECIAL.pad)
    mask = torch.zeros((len(sentences), width), dtype=torch.bool)
    for row, ids in enumerate(sentences):
        place = slice(width - len(ids), width) if left else slice(len(ids))
        source[row, place] = torch.tensor(ids)
        mask[row, place] = True
    return source, mask


def search(model: TableModel, sentences: list[list[int]], options: BeamSearch) -> list[list[Hypothesis]]:
    return beam_search(model, *batch(sentences), options)
