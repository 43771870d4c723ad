"""Sentences of token ids as one padded batch of tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nmt.tokenizer.base import SPECIAL

Sentence = Sequence[int] | npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Input of a training step, padded on the right. B pairs; S and T are the longest lengths with EOS."""

    source: Tensor
    """[B, S] int64, each sentence ending in EOS."""
    source_mask: Tensor
    """[B, S] bool, True on real tokens."""
    target_input: Tensor
    """[B, T] int64, BOS, then the sentence."""
    target_output: Tensor
    """[B, T] int64, the sentence, then EOS: the next token at each position of target_input."""
    target_mask: Tensor
    """[B, T] bool, True on real tokens."""

    @cached_property
    def target_tokens(self) -> int:
        """Real tokens of target_output, EOS included; losses are averaged over them."""
        return int(self.target_mask.sum())

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return Batch(
            source=self.source.to(device, non_blocking=True),
            source_mask=self.source_mask.to(device, non_blocking=True),
            target_input=self.target_input.to(device, non_blocking=True),
            target_output=self.target_output.to(device, non_blocking=True),
            target_mask=self.target_mask.to(device, non_blocking=True),
        )


def collate(sources: Sequence[Sentence], targets: Sequence[Sentence]) -> Batch:
    """Pads pairs of sentences, given without BOS and EOS, into one batch.

    Args:
        sources: B sentences of ids.
        targets: their B translations.
    """
    assert len(sources) == len(targets), (len(sources), len(targets))
    source, source_mask = pad(sources)
    target_output, target_mask = pad(targets)
    target_input = torch.full_like(target_output, SPECIAL.pad)
    target_input[:, 0] = SPECIAL.bos
    # Shifted by one. In rows shorter than the longest, EOS would shift too: it is masked out.
    target_input[:, 1:] = target_output[:, :-1].masked_fill(~target_mask[:, 1:], SPECIAL.pad)
    return Batch(source, source_mask, target_input, target_output, target_mask)


def batches_by_length(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Batches of sentence indices, similar in length, longest first, within the budget (at least one per batch).

    For text that is read once; training takes its batches from `nmt.data.sampler`.

    Args:
        lengths: pieces of each sentence, or of the longer side of each pair, without EOS.
        batch_tokens: upper bound of rows * (longest + 1).
    """
    batch: list[int] = []
    longest = 0
    # Longest first: a batch that does not fit in memory fails at once. Ties keep the order of the text.
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if batch and (len(batch) + 1) * longest > batch_tokens:
            yield batch
            batch = []
        longest = longest if batch else lengths[index] + 1
        batch.append(index)
    if batch:
        yield batch


def pad(sentences: Sequence[Sentence]) -> tuple[Tensor, Tensor]:
    """Sentences as rows, each followed by EOS and then by padding.

    Returns:
        [B, L] int64 ids and [B, L] bool mask, True on real tokens including EOS; L is the longest length with EOS.
    """
    lengths = np.fromiter(map(len, sentences), dtype=np.int64, count=len(sentences))
    columns = np.arange(int(lengths.max(initial=0)) + 1)
    ids = np.full((len(sentences), len(columns)), SPECIAL.pad, dtype=np.int64)
    flat = [np.asarray(sentence, dtype=np.int64) for sentence in sentences]
    ids[columns < lengths[:, None]] = np.concatenate(flat) if flat else []
    ids[np.arange(len(sentences)), lengths] = SPECIAL.eos
    return torch.from_numpy(ids), torch.from_numpy(columns <= lengths[:, None])
