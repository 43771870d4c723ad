"""The laws that every translation model obeys when its weights and products are 8-bit.

Rounding has steps, so a difference in the last bit of what is rounded (two sums of the same numbers in another order)
now and then becomes one of a whole step. What must be equal is therefore equal for all but a few rows, and within a
few steps for those. A solver that iterates until nothing changes meets such steps each time, and never settles.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from nmt.models.deq import DEQ
from nmt.models.quantization import dequantized, packed, quantized
from nmt.models.weights import named_weights, put_weights
from nmt.nn.kernels.int8_product import is_supported
from nmt.nn.linear.folding import fold
from nmt.nn.norm.running import running_statistics
from tests.contract import int8_laws
from tests.contract.listed import MODELS
from tests.contract.quantized import Quantized, examples, logits_of
from tests.contract.random_models import VOCABULARY, Model, batch_of, random_model

pytestmark = pytest.mark.skipif(not is_supported(), reason="packed models are for x86-64")

ROUNDING = 0.03
"""Of the standard deviation of the logits: the error of 8 bits in a model of small width with random weights; 0.005 to
0.02, with 6 bits four times that."""


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


test_packed_it_computes_what_is_defined = int8_laws.packed_it_computes_what_is_defined
test_steps_give_the_teacher_forced_logits = int8_laws.steps_give_the_teacher_forced_logits
test_neither_batch_mates_nor_padding_change_a_result = int8_laws.neither_batch_mates_nor_padding_change_a_result
test_search_translates_alone_as_in_a_batch = int8_laws.search_translates_alone_as_in_a_batch


def test_8_bits_give_the_logits_up_to_their_rounding(forms: Quantized) -> None:
    batch = batch_of(examples())
    expected = logits_of(forms.model, batch)
    for small in (forms.stored, forms.packed):
        error = logits_of(small, batch) - expected
        assert error.std() < ROUNDING * expected.std()
        assert error.abs().max() < 10 * ROUNDING * expected.std()
        assert error.any(), "these products were not 8-bit"


def test_every_matrix_is_of_bytes_within_half_a_step_of_its_row(forms: Quantized) -> None:
    """Only positions, centroids, recurrent states, statistics and the vector of an additive attention stay."""
    weights = named_weights(forms.stored)
    wide = {name for name, tensor in weights.items() if tensor.is_floating_point() and tensor.dim() > 1}
    kept = wide - running_statistics(forms.stored).keys()
    floating = ("positions", "centroids", "initial_states", "state_identities")
    assert all(any(part in name for part in floating) or weights[name].shape[0] == 1 for name in kept), kept
    plain, back = named_weights(fold(forms.model)), named_weights(dequantized(forms.stored))
    assert plain.keys() <= back.keys()
    for name, tensor in plain.items():
        if weights[name].dtype == torch.int8:
            step = tensor.abs().amax(1, keepdim=True) / 127
            assert ((back[name] - tensor).abs() <= step / 2 * 1.0001).all(), name
        else:
            assert torch.equal(back[name], tensor), name


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
