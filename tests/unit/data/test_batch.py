"""A batch holds each sentence, its shift by one, and nothing else."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from nmt.data.batch import collate
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
