"""The laws of a decoding step and of search once more, all in torch: as without a C compiler, or on a GPU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nmt.models.quantization import packed, quantized
from nmt.nn.int8_product import is_supported
from tests.contract import decoding_laws, int8_laws
from tests.contract.listed import MODELS
from tests.contract.quantized import Quantized
from tests.contract.random_models import Model, random_model
from tests.without_native import without_library

needs_kernel = pytest.mark.skipif(not is_supported(), reason="packed models are for x86-64")
LISTED = ["transformer", "deq-explicit"]


@pytest.fixture(autouse=True, scope="module")
def in_torch() -> Iterator[None]:
    with without_library():
        yield


@pytest.fixture(params=[*LISTED, "deq"], scope="module")
def model(request: pytest.FixtureRequest) -> Model:
    return random_model(MODELS[request.param])


@pytest.fixture(params=LISTED, scope="module")
def forms(request: pytest.FixtureRequest) -> Quantized:
    config = MODELS[request.param]
    whole = random_model(config)
    stored = quantized(whole)
    return Quantized(config, whole, stored, packed(stored), settles=True)


test_fp32_steps = decoding_laws.steps_give_the_teacher_forced_logits_and_attention
test_fp32_selected = decoding_laws.selected_hypotheses_go_on_as_if_decoded_from_their_prefix
test_fp32_search = decoding_laws.search_with_a_coverage_penalty_translates_alone_as_in_a_batch

test_int8_packed = needs_kernel(int8_laws.packed_it_computes_what_is_defined)
test_int8_steps = needs_kernel(int8_laws.steps_give_the_teacher_forced_logits)
test_int8_batch = needs_kernel(int8_laws.neither_batch_mates_nor_padding_change_a_result)
test_int8_search = needs_kernel(int8_laws.search_translates_alone_as_in_a_batch)
