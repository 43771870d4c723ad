"""Attention of each position to the last n positions, with learned vectors for how far back an item is.

Scores and weights are kept in a band, [L, n] for L positions, of the matrix [L, L + n - 1] of all pairs; products of
matrices need the latter. From one to the other only rows are shifted, which a view of the padded tensor does.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def last_items(x: Tensor, items: int) -> Tensor:
    """The items that blocks of adjacent positions see.

    Args:
        x: [B, T, D], one item per position.
        items: n, the number of items that a position sees: its own and those before it.

    Returns:
        [B, blocks, L + n - 1, D] for blocks of L positions, zeros in front of the text and after it. Long texts are cut
        into blocks about as long as n, so costs grow with T * n instead of T * T.
    """
    length = x.shape[1]
    blocks, block = blocks_of(length, items)
    padded = nn.functional.pad(x, (0, 0, items - 1, blocks * block - length))
    if blocks == 1:
        return padded[:, None]
    return padded.unfold(1, block + items - 1, block).transpose(-1, -2)  # --> [B, blocks, L + n - 1, D]


def blocks_of(length: int, items: int) -> tuple[int, int]:
    """Number of blocks and their length L for a text of `length` positions that see n = `items` each."""
    blocks = -(-length // items)
    return blocks, -(-length // blocks)


def items_there(length: int, items: int, device: torch.device) -> Tensor:
    """Whether the items of each position are within the text, for `window_scores`: [blocks, L, n] bool."""
    blocks, block = blocks_of(length, items)
    position = torch.arange(blocks * block, device=device).view(blocks, block, 1)
    return position >= torch.arange(items - 1, -1, -1, device=device)  # the newest item is the last


def window_scores(query: Tensor, keys: Tensor, distances: Tensor) -> Tensor:
    """Products of queries with their items' keys.

    Args:
        query: [..., L, D].
        keys: [..., L + n - 1, D]; query l sees n of them, from l on, oldest first.
        distances: [n, D], added to the keys by their distance from the query: row 0 is the newest item's.

    Returns:
        [..., L, n], oldest item first.
    """
    return _banded(query @ keys.mT, len(distances)) + query @ distances.flip(0).mT


def window_mean(weights: Tensor, values: Tensor, distances: Tensor) -> Tensor:
    """Means of the values of each position's items.

    Args:
        weights: [..., L, n], oldest item first.
        values: [..., L + n - 1, D], as the keys of `window_scores`.
        distances: [n, D], added to the values by their distance.

    Returns:
        [..., L, D]
    """
    return _spread(weights) @ values + weights @ distances.flip(0)


def _banded(pairs: Tensor, items: int) -> Tensor:
    """The n entries of each row that lie in the band: [..., L, L + n - 1] to [..., L, n], row l from column l on."""
    rows, columns = pairs.shape[-2:]
    shifted = nn.functional.pad(pairs.flatten(-2), (0, rows)).view(*pairs.shape[:-1], columns + 1)
    return shifted[..., :items]


def _spread(band: Tensor) -> Tensor:
    """The inverse, with zeros outside the band: [..., L, n] to [..., L, L + n - 1]."""
    rows, items = band.shape[-2:]
    columns = rows + items - 1
    padded = nn.functional.pad(band, (0, rows)).flatten(-2)  # rows of columns + 1
    return padded[..., : rows * columns].view(*band.shape[:-1], columns)
