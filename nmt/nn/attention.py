"""Multi-head scaled dot-product attention (Vaswani et al. 2017, section 3.2), to oneself and to a memory.

H heads of D/H each. Queries, keys and values of one source of input are projected by one matrix product.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from nmt.nn.dropout import Dropout
from nmt.nn.rows import Rows


@dataclass
class KeysValues(Rows):
    """Projected keys and values of the positions that may be attended to; a row is a sentence or a hypothesis."""

    keys: Tensor
    """[rows, H, S, D/H]"""
    values: Tensor
    """[rows, H, S, D/H]"""

    def append(self, newer: KeysValues) -> KeysValues:
        """These positions, then the newer ones, of the same rows."""
        return KeysValues(torch.cat([self.keys, newer.keys], 2), torch.cat([self.values, newer.values], 2))


class SelfAttention(nn.Module):
    """Attention of a sequence to itself."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, Dropout(dropout)
        self.input = nn.Linear(dim, 3 * dim)
        self.output = nn.Linear(dim, dim)
        initialise_projections(self.input, self.output)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Args:
            x: [B, T, D].
            mask: [B, 1, 1, T] bool, True where a key may be attended to; None makes the attention causal.

        Returns:
            [B, T, D]
        """
        queries, keys, values = (split_heads(part, self.heads) for part in self.input(x).chunk(3, dim=-1))
        context = attend(queries, keys, values, mask, causal=mask is None, dropout=self.dropout)
        output: Tensor = self.output(merge_heads(context))
        return output

    def step(self, x: Tensor, past: KeysValues) -> tuple[Tensor, KeysValues]:
        """One position more.

        Args:
            x: [N, D], the newest position.
            past: of the positions before it.

        Returns:
            [N, D], and the keys and values with the newest position's appended.
        """
        queries, keys, values = (split_heads(part, self.heads) for part in self.input(x)[:, None].chunk(3, dim=-1))
        past = past.append(KeysValues(keys, values))
        context = scaled_dot_product_attention(queries, past.keys, past.values)
        output: Tensor = self.output(merge_heads(context)).squeeze(1)
        return output, past

    def empty(self, rows: int) -> KeysValues:
        """The cache of `rows` empty hypotheses."""
        return no_positions(rows, self.heads, self.output.weight)


class CrossAttention(nn.Module):
    """Attention of a target to the source, whose keys and values are projected once per sentence."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, Dropout(dropout)
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.output = nn.Linear(dim, dim)
        initialise_projections(self.query, self.key_value, self.output)

    def project(self, source: Tensor) -> KeysValues:
        """source: [B, S, D]."""
        keys, values = (split_heads(part, self.heads) for part in self.key_value(source).chunk(2, dim=-1))
        return KeysValues(keys, values)

    def forward(
        self, x: Tensor, memory: KeysValues, mask: Tensor, *, need_attention: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Args:
            x: [B, T, D]; in a step of search the T are a sentence's hypotheses.
            memory: of the B sentences.
            mask: [B, 1, 1, S] bool, True on real source tokens.

        Returns:
            [B, T, D], and the attention averaged over heads, [B, T, S], where asked for.
        """
        queries = split_heads(self.query(x), self.heads)
        context = attend(queries, memory.keys, memory.values, mask, causal=False, dropout=self.dropout)
        weights = attention_weights(queries, memory.keys, mask).mean(1) if need_attention else None
        return self.output(merge_heads(context)), weights


def no_positions(rows: int, heads: int, weight: Tensor) -> KeysValues:
    """Keys and values of none as yet, of an attention whose output layer has this [D, D] weight."""
    shape = (rows, heads, 0, weight.shape[0] // heads)
    return KeysValues(weight.new_empty(shape), weight.new_empty(shape))


def attend(
    queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, *, causal: bool, dropout: Dropout
) -> Tensor:
    """softmax(QK'/sqrt(D/H))V for [B, H, T, D/H] queries; [B, H, T, D/H]."""
    p = dropout.p if dropout.training else 0.0
    # On a CPU torch's own attention dropout draws sequentially, and its fused attention takes about ten times as long
    # backward in bf16 (torch 2.13) as the separate products below.
    slow = p > 0.0 or (queries.dtype == torch.bfloat16 and torch.is_grad_enabled())
    kept = p > 0.0 and not dropout.fresh  # torch would draw another mask at each call
    if not kept and (queries.device.type != "cpu" or not slow):
        return scaled_dot_product_attention(queries, keys, values, attn_mask=mask, dropout_p=p, is_causal=causal)
    if causal:
        length = queries.shape[2]
        mask = torch.ones(length, length, dtype=torch.bool, device=queries.device).tril()
    assert mask is not None
    with torch.autocast(queries.device.type, enabled=False):
        context: Tensor = dropout(_weights(queries, keys, mask)) @ values
        return context


def attention_weights(queries: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
    """[B, H, T, S] float32: rows sum to 1, 0 where the mask is False."""
    with torch.autocast(queries.device.type, enabled=False):
        return _weights(queries.float(), keys.float(), mask)


def _weights(queries: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
    # adding the small mask, broadcast, takes a tenth of the time of masked_fill over the scores
    shut_out = torch.zeros(mask.shape, dtype=queries.dtype, device=mask.device).masked_fill_(~mask, -math.inf)
    scores = (queries * queries.shape[-1] ** -0.5) @ keys.transpose(-1, -2)
    return torch.softmax(scores + shut_out, dim=-1)


def initialise_projections(*projections: nn.Linear) -> None:
    """fairseq's initialisation: Xavier uniform per [D, D] block, gain 1/sqrt(2) but for the output; zero biases.

    The output projection comes last.
    """
    for projection in projections:
        nn.init.zeros_(projection.bias)
        gain = 1.0 if projection is projections[-1] else 1 / math.sqrt(2)
        for block in torch.split(projection.weight, projection.in_features):
            nn.init.xavier_uniform_(block, gain=gain)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """A head at a time."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)  # [B, T, D] -> [B, H, T, D/H]


def merge_heads(x: Tensor) -> Tensor:
    """The heads side by side again."""
    return x.transpose(1, 2).flatten(2)  # [B, H, T, D/H] -> [B, T, D]
