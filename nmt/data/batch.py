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
    """What a training step takes; padded on the right. B pairs, S and T the longest with EOS."""

    source: Tensor
    """[B, S] int64, each sentence ending in EOS."""
    source_mask: Tensor
    """[B, S] bool, True on real tokens."""
    target_input: Tensor
    """[B, T] int64, BOS and then the sentence."""
    target_output: Tensor
    """[B, T] int64, the sentence and then EOS: what follows each position of target_input."""
    target_mask: Tensor
    """[B, T] bool, True on real tokens."""

    @cached_property
    def target_tokens(self) -> int:
        """Real tokens of target_output, EOS included: what a loss is averaged over."""
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
    # Shifted by one; the EOS of every row that is not the longest would move along, and stays behind.
    target_input[:, 1:] = target_output[:, :-1].masked_fill(~target_mask[:, 1:], SPECIAL.pad)
    return Batch(source, source_mask, target_input, target_output, target_mask)


def batches_by_length(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Places of sentences of similar length, longest first, within the budget (at least one a batch).

    For text that is read once; training takes its batches from `nmt.data.sampler`.

    Args:
        lengths: pieces of each sentence, or of the longer side of each pair, EOS not counted.
        batch_tokens: rows * (longest + 1) stays within this.
    """
    batch: list[int] = []
    longest = 0
    # Longest first: a batch that does not fit in memory shows at once. Ties in order of the text.
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        if batch and (len(batch) + 1) * longest > batch_tokens:
            yield batch
            batch = []
        longest = longest if batch else lengths[place] + 1
        batch.append(place)
    if batch:
        yield batch


def pad(sentences: Sequence[Sentence]) -> tuple[Tensor, Tensor]:
    """Sentences as rows, each followed by EOS and then by padding.

    Returns:
        [B, L] int64 ids and [B, L] bool mask, True on real tokens (EOS is one); L is the longest with EOS.
    """
    lengths = np.fromiter(map(len, sentences), dtype=np.int64, count=len(sentences))
    columns = np.arange(int(lengths.max(initial=0)) + 1)
    ids = np.full((len(sentences), len(columns)), SPECIAL.pad, dtype=np.int64)
    flat = [np.asarray(sentence, dtype=np.int64) for sentence in sentences]
    ids[columns < lengths[:, None]] = np.concatenate(flat) if flat else []
    ids[np.arange(len(sentences)), lengths] = SPECIAL.eos
    return torch.from_numpy(ids), torch.from_numpy(columns <= lengths[:, None])
