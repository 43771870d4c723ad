from __future__ import annotations

import pytest
import torch

from nmt.data.batch import pad
from nmt.errors import UserError
from nmt.inference import precision as module
from nmt.inference.options import Precision
from nmt.inference.precision import fastest_precision, with_precision
from nmt.models.quantization import dequantized, quantized
from nmt.models.transformer import Transformer
from nmt.models.weights import named_weights
from nmt.nn.int8 import PackedLinear
from nmt.nn.kernels.int8_product import is_supported
from nmt.search import BeamSearch
from nmt.search.dispatch import find_hypotheses

needs_kernel = pytest.mark.skipif(not is_supported(), reason="packed models are for x86-64")


def transformer() -> Transformer:
    torch.manual_seed(0)
    config = Transformer.Config(model_dim=32, feedforward_dim=64, heads=4, encoder_layers=1, decoder_layers=1)
    return config.build(50, 50).eval()


def test_fp32_is_the_model_itself_and_bf16_leaves_it_alone() -> None:
    model = transformer()
    assert with_precision(model, "fp32") is model
    assert with_precision(model, "auto") is model
    converted = with_precision(model, "bf16")
    assert {parameter.dtype for parameter in converted.parameters()} == {torch.bfloat16}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_bf16_searches_and_agrees_about_probability() -> None:
    model, source = transformer(), pad([[5, 6, 7, 8], [9, 10]])
    exact = find_hypotheses(BeamSearch(beam=1), model, *source)
    rounded = find_hypotheses(BeamSearch(beam=1), with_precision(model, "bf16"), *source)
    for (left,), (right,) in zip(exact, rounded, strict=True):
        per_token = (left.log_probability / (len(left.tokens) + 1), right.log_probability / (len(right.tokens) + 1))
        assert abs(per_token[0] - per_token[1]) < 0.1


def is_packed(model: torch.nn.Module) -> bool:
    return any(isinstance(part, PackedLinear) for part in model.modules())


@needs_kernel
def test_int8_leaves_the_model_alone_whether_it_is_quantised_or_not() -> None:
    model, source = transformer(), pad([[5, 6, 7, 8], [9, 10]])
    small = quantized(model)
    weights = {name: tensor.clone() for name, tensor in named_weights(model).items()}
    found = [find_hypotheses(BeamSearch(beam=2), with_precision(each, "int8"), *source) for each in (model, small)]
    assert found[0] == found[1]  # quantised now or before: the same numbers
    assert all(torch.equal(tensor, weights[name]) for name, tensor in named_weights(model).items())
    assert not is_packed(model)
    assert not is_packed(small)


@needs_kernel
def test_auto_computes_with_the_weights_as_they_are() -> None:
    model = transformer()
    assert with_precision(model, "auto") is model
    assert is_packed(with_precision(quantized(model), "auto"))


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_a_quantised_model_in_floating_point_has_the_values_of_its_bytes(
    precision: Precision, dtype: torch.dtype
) -> None:
    small = quantized(transformer())
    found = named_weights(with_precision(small, precision))
    for name, tensor in named_weights(dequantized(small)).items():
        assert found[name].dtype == dtype
        assert torch.equal(found[name], tensor.to(dtype))


@pytest.mark.parametrize(
    ("supported", "wide", "expected"),
    [(True, True, ("int8", "int8")), (True, False, ("fp32", "int8")), (False, False, ("fp32", "fp32"))],
)
def test_the_fastest_is_what_the_instructions_of_the_cpu_make_so(
    monkeypatch: pytest.MonkeyPatch, supported: bool, wide: bool, expected: tuple[str, str]
) -> None:
    monkeypatch.setattr(module, "is_supported", lambda: supported)
    monkeypatch.setattr(module, "has_wide_accumulation", lambda: wide)
    model = transformer()
    assert (fastest_precision(model), fastest_precision(quantized(model))) == expected


def test_int8_on_another_cpu_is_refused_and_auto_makes_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_supported", lambda: False)
    small = quantized(transformer())
    with pytest.raises(UserError, match="x86-64"):
        with_precision(small, "int8")
    computed = with_precision(small, "auto")
    assert all(tensor.is_floating_point() for tensor in named_weights(computed).values())


@pytest.mark.parametrize(("has_bf16", "expected"), [(True, "bf16"), (False, "fp32")])
def test_on_a_gpu_it_is_bf16_if_it_has_that_and_int8_is_refused(
    has_bf16: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: has_bf16)
    model = transformer().to("meta")  # a device that is not a CPU, and that every machine has
    assert fastest_precision(model) == expected
    with pytest.raises(UserError, match="use device cpu"):
        with_precision(model, "int8")
