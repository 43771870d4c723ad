"""Bags of words for the segments of a text, which separators end (Sukhbaatar et al. 2015, section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Segments:
    """The segments of B texts, newest first: segment 0 is the last that has a word."""

    members: Tensor
    """[B, G, S] float, 1 where a word belongs to a segment."""
    lengths: Tensor
    """[B, G] int64, words per segment."""
    place: Tensor
    """[B, S] int64, the number of each word within its segment, from 1."""
    length: Tensor
    """[B, S] int64, words of each word's segment; undefined where there is no word."""


def segments(words: Tensor, ends: Tensor, most: int) -> Segments:
    """Finds the segments.

    Args:
        words: [B, S] bool, True on words.
        ends: [B, S] bool, True on separators, which are not words.
        most: segments to keep, at least two; older ones are forgotten.

    Returns:
        G segments, at least two, of which some may have no word.
    """
    number = ends.cumsum(1)
    newest = number.masked_fill(~words, 0).amax(1, keepdim=True)
    age = (newest - number).masked_fill(~words, -1)  # [B, S]
    count = min(max(int(age.amax()) + 1, 2), most)
    members = age[:, None] == torch.arange(count, device=words.device)[:, None]  # --> [B, G, S]
    lengths = members.sum(-1)
    rank = words.cumsum(1)
    before = rank.masked_fill(~ends, 0).cummax(1).values
    return Segments(
        members=members.float(),
        lengths=lengths,
        place=rank - before,
        length=lengths.gather(1, age.clamp(min=0, max=count - 1)),
    )


def position_weights(found: Segments, dim: int) -> Tensor:
    """Weights by which a sum of words' vectors knows their order: [B, S, D].

    Element k of word j of J has the weight (1 - j/J) - (k/D)(1 - 2j/J), k and j from 1.
    """
    share = (found.place / found.length.clamp(min=1))[:, :, None]
    element = torch.arange(1, dim + 1, device=share.device) / dim
    return (1 - share) - element * (1 - 2 * share)


def bags(embedded: Tensor, weights: Tensor | None, members: Tensor) -> Tensor:
    """Sums of the vectors of each segment's words.

    Args:
        embedded: [B, S, D].
        weights: [B, S, D], factors of the elements; None for plain sums.
        members: [B, G, S].

    Returns:
        [B, G, D]
    """
    weighted = embedded if weights is None else embedded * weights
    return members.to(weighted.dtype) @ weighted
