"""Models whose decoding steps the C functions serve find the same with them as without."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nmt.data.batch import Batch
from nmt.models.quantization import packed, quantized
from nmt.nn import native
from nmt.nn.int8_product import has_wide_accumulation, is_supported
from nmt.search.options import BeamSearch
from tests.contract.listed import MODELS
from tests.contract.quantized import assert_rows_equal, examples
from tests.contract.random_models import Model, batch_of, pad_source, random_model
from tests.without_native import without_library

pytestmark = pytest.mark.skipif(native.library() is None, reason="the C functions were not compiled")


@pytest.mark.parametrize("name", [name for name, config in MODELS.items() if config.kind in ("transformer", "deq")])
@pytest.mark.parametrize(
    "options",
    [
        BeamSearch(beam=4, n_best=3, length_penalty=0.6, max_length_factor=1.0, max_length_offset=2),
        BeamSearch(beam=3, coverage_penalty=0.3, min_length=3, max_length_factor=1.0, max_length_offset=4),
        BeamSearch(beam=1, token_margin=2.0, max_length_factor=1.0, max_length_offset=2),
    ],
    ids=["n_best", "coverage", "greedy"],
)
def test_search_finds_the_same(name: str, options: BeamSearch) -> None:
    model, batch = random_model(MODELS[name]), pad_source(batch_of(examples()), 2, 1)
    found = options.search(model, batch.source, batch.source_mask)
    with without_library():
        expected = options.search(model, batch.source, batch.source_mask)
    for some, others in zip(found, expected, strict=True):
        assert [one.tokens for one in some] == [other.tokens for other in others]
        assert [one.score for one in some] == pytest.approx([other.score for other in others], abs=1e-5)


@pytest.mark.skipif(not is_supported(), reason="packed models are for x86-64")
@pytest.mark.parametrize("name", ["transformer", "deq-explicit"])
def test_steps_of_8_bits_give_the_same(name: str) -> None:
    model, batch = random_model(MODELS[name]), batch_of(examples())
    found = stepped(packed(quantized(model)), batch)
    with without_library():
        expected = stepped(packed(quantized(model)), batch)
    assert_rows_equal(found, expected, settles=has_wide_accumulation())


@torch.no_grad()
def stepped(model: Model, batch: Batch) -> Tensor:
    """[target tokens, V]: the logits of the real tokens, a step at a time."""
    memory, steps = model.encode(batch.source, batch.source_mask), []
    state = model.init_state(memory, 1, batch.target_input.shape[1])
    for tokens in batch.target_input.split(1, dim=1):
        step = model.step(tokens, memory, state)
        state = step.state
        steps.append(step.logits[:, 0])
    return torch.stack(steps, dim=1)[batch.target_mask]
