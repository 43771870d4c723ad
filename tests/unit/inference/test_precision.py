from __future__ import annotations

import torch

from nmt.data.batch import pad
from nmt.inference.precision import with_precision
from nmt.models.transformer import Transformer
from nmt.search import BeamSearch


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
    exact = BeamSearch(beam=1).search(model, *source)
    rounded = BeamSearch(beam=1).search(with_precision(model, "bf16"), *source)
    for (left,), (right,) in zip(exact, rounded, strict=True):
        per_token = (left.log_probability / (len(left.tokens) + 1), right.log_probability / (len(right.tokens) + 1))
        assert abs(per_token[0] - per_token[1]) < 0.1
