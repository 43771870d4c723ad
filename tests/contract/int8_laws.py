"""The laws of a model of 8 bits, stated once: they hold with the C functions and without."""

from __future__ import annotations

import pytest
import torch

from nmt.nn.int8_product import has_wide_accumulation
from nmt.search.options import BeamSearch
from tests.contract.quantized import Quantized, assert_rows_equal, examples, logits_of
from tests.contract.random_models import batch_of, pad_source


def packed_it_computes_what_is_defined(forms: Quantized) -> None:
    batch = batch_of(examples())
    settles = forms.settles and has_wide_accumulation()
    assert_rows_equal(logits_of(forms.packed, batch), logits_of(forms.stored, batch), settles=settles)


@torch.no_grad()
def steps_give_the_teacher_forced_logits(forms: Quantized) -> None:
    model, batch = forms.packed, pad_source(batch_of(examples()), 1, 1)
    memory = model.encode(batch.source, batch.source_mask)
    state = model.init_state(memory, 1, batch.target_input.shape[1])
    steps = []
    for tokens in batch.target_input.split(1, dim=1):
        step = model.step(tokens, memory, state)
        steps.append(step.logits[:, 0])
        state = step.state
    stepped = torch.stack(steps, dim=1)[batch.target_mask]
    assert_rows_equal(stepped, logits_of(model, batch), settles=forms.settles)


def neither_batch_mates_nor_padding_change_a_result(forms: Quantized) -> None:
    together = logits_of(forms.packed, pad_source(batch_of(examples()), 2, 3))
    alone = torch.cat([logits_of(forms.packed, batch_of([example])) for example in examples()])
    assert_rows_equal(together, alone, settles=forms.settles)


def search_translates_alone_as_in_a_batch(forms: Quantized) -> None:
    options = BeamSearch(beam=3, length_penalty=0.2, coverage_penalty=0.2, max_length_factor=1.0, max_length_offset=2)
    batch = pad_source(batch_of(examples()), 2, 1)
    together = options.search(forms.packed, batch.source, batch.source_mask)
    same = 0
    for (source, _), (found,) in zip(examples(), together, strict=True):
        one = batch_of([(source, [4])])
        ((alone,),) = options.search(forms.packed, one.source, one.source_mask)
        same += found.tokens == alone.tokens and found.score == pytest.approx(alone.score, abs=1e-4)
        assert found.score == pytest.approx(alone.score, abs=0.3)
    assert not forms.settles or same >= 11
