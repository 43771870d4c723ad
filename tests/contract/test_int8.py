"""The laws that every translation model obeys when its weights and products are 8-bit.

Rounding has steps, so a difference in the last bit of what is rounded (two sums of the same numbers in another order)
now and then becomes one of a whole step. What must be equal is therefore equal for all but a few rows, and within a
few steps for those. A solver that iterates until nothing changes meets such steps each time, and never settles.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from nmt.data.batch import Batch
from nmt.models import ModelConfig
from nmt.models.base import EncoderDecoder
from nmt.models.deq import DEQ
from nmt.models.quantization import dequantized, packed, quantized
from nmt.models.weights import named_weights, put_weights
from nmt.nn.kernels.int8_product import has_wide_accumulation, is_supported
from nmt.nn.weight_norm import fold_weight_norm
from nmt.search.dispatch import find_hypotheses
from nmt.search.options import BeamSearch
from tests.contract.listed import MODELS
from tests.contract.test_contract import VOCABULARY, batch_of, pad_source, random_model, teacher_forced

Model = EncoderDecoder[Any, Any]

pytestmark = pytest.mark.skipif(not is_supported(), reason="packed models are for x86-64")

EXACT = 1e-5
"""Of the standard deviation of the logits: what another order of summation makes."""
STEPS = 0.15
"""The same: what a few numbers rounded to another side make."""
ROUNDING = 0.03
"""The same: the error of 8 bits in a model of small width with random weights; 0.005 to 0.02, with 6 bits four times
that."""


class Quantized(NamedTuple):
    """A listed model in all its forms."""

    config: ModelConfig
    model: Model
    stored: Model
    packed: Model
    settles: bool
    """Whether it computes the same number of times whatever its numbers are."""


@pytest.fixture(params=MODELS, scope="module")
def forms(request: pytest.FixtureRequest) -> Quantized:
    config = MODELS[request.param]
    solves = isinstance(config, DEQ.Config) and config.explicit_steps == 0
    if isinstance(config, DEQ.Config) and solves:
        # as exact as for floating-point numbers would only take long
        update = {
            name: getattr(config, name).model_copy(update={"tolerance": 1e-3, "max_iterations": 20})
            for name in ("encoder_solver", "decoder_solver")
        }
        config = config.model_copy(update=update)
    model = random_model(config)
    small = quantized(model)
    return Quantized(config, model, small, packed(small), not solves)


def examples() -> list[tuple[list[int], list[int]]]:
    draw = random.Random(3)

    def sentence() -> list[int]:
        return [draw.randrange(4, VOCABULARY) for _ in range(draw.randint(1, 9))]

    return [(sentence(), sentence()) for _ in range(12)]


def logits_of(model: Model, batch: Batch) -> Tensor:
    """[target tokens, V]: the logits of the real tokens."""
    return teacher_forced(model, batch)[0][batch.target_mask]


def assert_rows_equal(found: Tensor, expected: Tensor, *, settles: bool = True) -> None:
    """But for a few rows, which are close."""
    difference = (found - expected).abs().amax(-1) / expected.std()
    assert difference.max() < STEPS
    if settles:
        assert (difference < EXACT).float().mean() > 0.9
    else:
        assert difference.median() < STEPS / 2


def test_8_bits_give_the_logits_up_to_their_rounding(forms: Quantized) -> None:
    batch = batch_of(examples())
    expected = logits_of(forms.model, batch)
    for small in (forms.stored, forms.packed):
        error = logits_of(small, batch) - expected
        assert error.std() < ROUNDING * expected.std()
        assert error.abs().max() < 10 * ROUNDING * expected.std()
        assert error.any(), "these products were not 8-bit"


def test_packed_it_computes_what_is_defined(forms: Quantized) -> None:
    batch = batch_of(examples())
    settles = forms.settles and has_wide_accumulation()
    assert_rows_equal(logits_of(forms.packed, batch), logits_of(forms.stored, batch), settles=settles)


def test_every_matrix_is_of_bytes_within_half_a_step_of_its_row(forms: Quantized) -> None:
    """Only positions and the vector of an additive attention stay."""
    weights = named_weights(forms.stored)
    kept = [name for name, tensor in weights.items() if tensor.is_floating_point() and tensor.dim() > 1]
    assert all("positions" in name or weights[name].shape[0] == 1 for name in kept), kept
    plain, back = named_weights(fold_weight_norm(forms.model)), named_weights(dequantized(forms.stored))
    assert plain.keys() <= back.keys()
    for name, tensor in plain.items():
        if weights[name].dtype == torch.int8:
            step = tensor.abs().amax(1, keepdim=True) / 127
            assert ((back[name] - tensor).abs() <= step / 2 * 1.0001).all(), name
        else:
            assert torch.equal(back[name], tensor), name


@torch.no_grad()
def test_steps_give_the_teacher_forced_logits(forms: Quantized) -> None:
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


def test_neither_batch_mates_nor_padding_change_a_result(forms: Quantized) -> None:
    together = logits_of(forms.packed, pad_source(batch_of(examples()), 2, 3))
    alone = torch.cat([logits_of(forms.packed, batch_of([example])) for example in examples()])
    assert_rows_equal(together, alone, settles=forms.settles)


def test_search_translates_alone_as_in_a_batch(forms: Quantized) -> None:
    options = BeamSearch(beam=3, length_penalty=0.2, coverage_penalty=0.2, max_length_factor=1.0, max_length_offset=2)
    batch = pad_source(batch_of(examples()), 2, 1)
    together = find_hypotheses(options, forms.packed, batch.source, batch.source_mask)
    same = 0
    for (source, _), (found,) in zip(examples(), together, strict=True):
        one = batch_of([(source, [4])])
        ((alone,),) = find_hypotheses(options, forms.packed, one.source, one.source_mask)
        same += found.tokens == alone.tokens and found.score == pytest.approx(alone.score, abs=1e-4)
        assert found.score == pytest.approx(alone.score, abs=0.3)
    assert not forms.settles or same >= 11


def test_saved_and_loaded_without_a_random_draw_it_gives_the_same_logits_to_the_bit(
    forms: Quantized, tmp_path: Path
) -> None:
    """As floating-point numbers too."""
    batch = batch_of(examples())
    generator = torch.get_rng_state()
    for model, prepared in ((forms.model, False), (forms.stored, True)):
        save_file({name: tensor.clone() for name, tensor in named_weights(model).items()}, tmp_path / "weights")
        with torch.device("meta"):
            empty: Model = forms.config.build(VOCABULARY, VOCABULARY)
        other = (quantized(empty) if prepared else empty).eval()
        put_weights(other, load_file(tmp_path / "weights"), "weights")
        assert named_weights(other).keys() == named_weights(model).keys()
        assert torch.equal(logits_of(other, batch), logits_of(model, batch))
        if prepared:
            assert torch.equal(logits_of(packed(other), batch), logits_of(forms.packed, batch))
    assert torch.equal(torch.get_rng_state(), generator)
