"""Models with 8-bit weights: what is swapped, what stays, and that the model they are made of stays as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nmt.data.batch import pad
from nmt.errors import UserError
from nmt.models.base import EncoderDecoder
from nmt.models.convs2s import Convolutions, ConvS2S, DecoderConvolutions
from nmt.models.gnmt import GNMT
from nmt.models.quantization import dequantized, is_quantized, packed, quantized
from nmt.models.transformer import Transformer
from nmt.models.weights import named_weights
from nmt.nn.cells import LSTM
from nmt.nn.cells.lstm import LSTMState
from nmt.nn.int8 import Int8Embedding, Int8Linear, PackedLinear, quantized_weight
from nmt.nn.kernels.int8_product import has_wide_accumulation, is_supported, plain_product
from nmt.search import BeamSearch
from nmt.search.dispatch import find_hypotheses

VOCABULARY = 40

pytestmark = pytest.mark.skipif(not is_supported(), reason="packed models are for x86-64")


def transformer(**options: object) -> Transformer:
    config = {"model_dim": 32, "feedforward_dim": 48, "heads": 4, "encoder_layers": 1, "decoder_layers": 1, **options}
    return Transformer.Config.model_validate(config).build(VOCABULARY, VOCABULARY).eval()


def convolutional() -> ConvS2S:
    """Its linear layers have weight norm, which its 8-bit form has not."""
    return (
        ConvS2S.Config(
            embedding_dim=12,
            output_dim=12,
            encoder=(Convolutions(width=16, kernel=3, layers=2),),
            decoder=(DecoderConvolutions(width=16, kernel=3, layers=2),),
        )
        .build(VOCABULARY, VOCABULARY)
        .eval()
    )


def recurrent() -> GNMT:
    return GNMT.Config(model_dim=16, encoder_layers=3, decoder_layers=3).build(VOCABULARY, VOCABULARY).eval()


Model = EncoderDecoder[Any, Any]
MODELS: dict[str, Callable[[], Model]] = {"transformer": transformer, "convs2s": convolutional, "gnmt": recurrent}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> Model:
    return MODELS[request.param]()


def logits_of(model: Model) -> Tensor:
    """[2, 5, V] of two sentences."""
    source, mask = pad([[5, 6, 7, 8, 3], [9, 10, 3]])
    target = torch.tensor([[2, 11, 12, 13, 14], [2, 15, 16, 17, 18]])
    with torch.no_grad():
        return model.decode(target, torch.ones_like(target, dtype=torch.bool), model.encode(source, mask)).logits


def test_the_model_stays_as_it_was(model: Model) -> None:
    before = {name: tensor.clone() for name, tensor in named_weights(model).items()}
    kinds, logits = [type(part) for part in model.modules()], logits_of(model)
    small = quantized(model)
    logits_of(packed(small))
    dequantized(small)
    assert [type(part) for part in model.modules()] == kinds
    for name, tensor in named_weights(model).items():
        assert torch.equal(tensor, before[name])
        assert tensor.is_floating_point() == before[name].is_floating_point()
    assert torch.equal(logits_of(model), logits)
    assert [is_quantized(each) for each in (model, small)] == [False, True]


def test_a_quantised_model_stays_as_it_was_too(model: Model) -> None:
    small = quantized(model)
    before = {name: tensor.clone() for name, tensor in named_weights(small).items()}
    logits_of(packed(small))
    logits_of(dequantized(small))
    found = named_weights(small)
    assert found.keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in found.items())


def test_what_is_not_quantised_is_shared(model: Model) -> None:
    ours = {tensor.data_ptr() for tensor in named_weights(model).values()}
    small = quantized(model)
    new = {name for name, tensor in named_weights(small).items() if tensor.data_ptr() not in ours}
    bytes_of = {name.removesuffix(".weight") for name in new if name.endswith(".weight")}
    assert bytes_of
    assert new == {f"{name}.{part}" for name in bytes_of for part in ("weight", "row_scale")}


@pytest.mark.parametrize("tied", ["all", "target", "none"])
def test_one_matrix_in_the_model_is_one_of_bytes(tied: str) -> None:
    small = quantized(transformer(tied_embeddings=tied))
    parts = [
        part
        for part in small.modules()
        if isinstance(part, (Int8Embedding, Int8Linear)) and len(part.weight) == VOCABULARY
    ]
    wanted = {"all": 1, "target": 2, "none": 3}[tied]
    assert len({part.weight.data_ptr() for part in parts}) == wanted
    assert len({part.row_scale.data_ptr() for part in parts}) == wanted
    saved = [tensor for tensor in named_weights(small).values() if tensor.shape == (VOCABULARY, 32)]
    assert len(saved) == wanted
    back = dequantized(small)
    assert [tuple(tensor.shape) for tensor in named_weights(back).values()].count((VOCABULARY, 32)) >= wanted


def test_it_follows_the_model_into_training_mode_or_not(model: Model) -> None:
    for small in (quantized(model), packed(quantized(model)), dequantized(quantized(model))):
        assert not any(part.training for part in small.modules())


def test_a_row_of_large_weights_costs_the_others_nothing() -> None:
    """Each row of a matrix has its own scale: a token with a vector a thousand times longer spoils no other token."""
    model = transformer(tied_embeddings="none", output_bias=True)
    with torch.no_grad():
        for part in ("source_embedding", "target_embedding", "output"):
            model.get_parameter(f"{part}.weight")[20] *= 1000.0
    expected, found = logits_of(model), logits_of(packed(quantized(model)))
    others = [token for token in range(VOCABULARY) if token != 20]
    error = (found - expected)[..., others]
    assert error.std() < 0.03 * expected[..., others].std()


def test_packed_it_keeps_no_plain_copy_of_the_linear_layers(model: Model) -> None:
    fast = packed(quantized(model))
    assert any(isinstance(part, PackedLinear) for part in fast.modules())
    assert not any(isinstance(part, (Int8Linear, nn.Linear)) and part.out_features > 1 for part in fast.modules())
    embeddings = {part.weight.data_ptr() for part in fast.modules() if isinstance(part, Int8Embedding)}
    assert {tensor.data_ptr() for tensor in fast.buffers() if tensor.dtype == torch.int8} == embeddings


def test_logits_that_are_not_numbers_are_a_clear_error() -> None:
    model = transformer()
    with torch.no_grad():
        model.target_embedding.weight[2] = float("nan")  # BOS
    source = pad([[5, 6, 3], [7, 3]])
    for broken in (quantized(model), packed(quantized(model))):
        with pytest.raises(UserError, match="finite"):
            find_hypotheses(BeamSearch(beam=2), broken, *source)


def by_definition(cell: LSTM, x: Tensor) -> Iterator[LSTMState]:
    """The states of an LSTM over a sequence [T, inputs], each product by the definition of the 8-bit one."""
    weight, recurrent = quantized_weight(cell.input.weight), quantized_weight(cell.recurrent.weight)
    output, memory = torch.zeros(1, cell.width), torch.zeros(1, cell.width)
    for row in x:
        gates = plain_product(row[None], *weight, cell.input.bias) + plain_product(output, *recurrent)
        i, f, g, o = gates.chunk(4, dim=1)
        memory = f.sigmoid() * memory + i.sigmoid() * g.tanh()
        output = o.sigmoid() * memory.tanh()
        yield LSTMState(output[0], memory[0])


@pytest.mark.parametrize("form", ["stored", "packed"])
@torch.no_grad()
def test_an_lstm_runs_step_by_step_as_defined_whatever_the_padding(form: str) -> None:
    cell = LSTM.Config().build(20, 16)
    small = quantized(cell) if form == "stored" else packed(quantized(cell))
    lengths, x = [6, 1, 4], torch.randn(3, 6, 20)
    tolerance = 1e-5 if form == "stored" or has_wide_accumulation() else 0.05
    for left in (False, True):
        mask = torch.zeros(3, 6, dtype=torch.bool)
        for row, length in enumerate(lengths):
            mask[row, 6 - length :] = left or row == 0
            mask[row, :length] |= not left
        outputs, last = small.read(x, mask)
        for row in range(3):
            states = list(by_definition(cell, x[row, mask[row]]))
            expected = torch.stack([state.output for state in states])
            torch.testing.assert_close(outputs[row, mask[row]], expected, atol=tolerance, rtol=0)
            torch.testing.assert_close(last.output[row], states[-1].output, atol=tolerance, rtol=0)
            torch.testing.assert_close(last.memory[row], states[-1].memory, atol=tolerance, rtol=0)
    whole = torch.stack([state.output for state in by_definition(cell, x[0])])
    torch.testing.assert_close(small(x)[0], whole, atol=tolerance, rtol=0)
    assert (small(x) - cell(x)).abs().max() < 0.05
