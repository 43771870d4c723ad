"""A batch holds each sentence, its shift by one, and nothing else; a text makes batches of similar lengths."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from nmt.data.batch import batches_by_length, collate
from nmt.tokenizer.base import SPECIAL

sentence = st.lists(st.integers(4, 99), max_size=6)


@given(st.lists(st.tuples(sentence, sentence), min_size=1, max_size=6), st.booleans())
def test_laws(pairs: list[tuple[list[int], list[int]]], arrays: bool) -> None:
    kind = np.array if arrays else list
    batch = collate([kind(source) for source, _ in pairs], [kind(target) for _, target in pairs])
    assert batch.source.dtype == batch.target_input.dtype == batch.target_output.dtype == torch.int64
    assert batch.source.shape == batch.source_mask.shape == (len(pairs), 1 + max(len(source) for source, _ in pairs))
    assert batch.target_output.shape == batch.target_input.shape == batch.target_mask.shape
    for row, (source, target) in enumerate(pairs):
        assert batch.source[row][batch.source_mask[row]].tolist() == [*source, SPECIAL.eos]
        assert batch.target_input[row][batch.target_mask[row]].tolist() == [SPECIAL.bos, *target]
        assert batch.target_output[row][batch.target_mask[row]].tolist() == [*target, SPECIAL.eos]
    for ids, mask in (
        (batch.source, batch.source_mask),
        (batch.target_input, batch.target_mask),
        (batch.target_output, batch.target_mask),
    ):
        assert (ids[~mask] == SPECIAL.pad).all()
        assert (mask.int().diff(dim=1) <= 0).all()  # padding on the right only
    assert batch.target_tokens == sum(len(target) + 1 for _, target in pairs)
    moved = batch.to("meta")
    assert moved.source.device.type == "meta"
    assert moved.target_mask.shape == batch.target_mask.shape


def test_by_hand() -> None:
    batch = collate([[7, 8], []], [[9], [5, 6]])
    assert batch.source.tolist() == [[7, 8, 3], [3, 0, 0]]
    assert batch.source_mask.tolist() == [[True, True, True], [True, False, False]]
    assert batch.target_input.tolist() == [[2, 9, 0], [2, 5, 6]]
    assert batch.target_output.tolist() == [[9, 3, 0], [5, 6, 3]]
    assert batch.target_mask.tolist() == [[True, True, False], [True, True, True]]


@given(st.lists(st.integers(0, 60)), st.integers(1, 300))
def test_batches_hold_every_sentence_longest_first_and_as_many_as_fit(lengths: list[int], batch_tokens: int) -> None:
    found = list(batches_by_length(lengths, batch_tokens))
    assert all(found)
    order = [place for batch in found for place in batch]
    assert order == sorted(range(len(lengths)), key=lambda place: (-lengths[place], place))
    for number, batch in enumerate(found):
        row = lengths[batch[0]] + 1
        assert len(batch) == 1 or len(batch) * row <= batch_tokens
        assert number == len(found) - 1 or (len(batch) + 1) * row > batch_tokens


def test_batches_by_hand() -> None:
    assert list(batches_by_length([1, 4, 1, 9, 4], 10)) == [[3], [1, 4], [0, 2]]
    assert list(batches_by_length([99, 98], 10)) == [[0], [1]]
    assert list(batches_by_length([], 10)) == []
