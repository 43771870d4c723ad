"""The Transformer's sizes and options."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from nmt.models.transformer import Transformer
from nmt.models.weights import named_weights, parameter_count
from nmt.nn.mixers import SSRU, Attention, CausalAttention, Mixer


@pytest.mark.parametrize(
    ("preset", "source", "target", "expected"),
    [
        # fairseq's transformer_iwslt_de_en: 31,543,296 + 512 (V_source + V_target), decoder embeddings tied
        ("iwslt", 8848, 6632, 31_543_296 + 512 * (8848 + 6632)),
        # base: 12 feed-forward blocks wider by 1,024, 2 * 512 * 1024 + 1024 parameters each; all embeddings one matrix
        ("base", 37_000, 37_000, 31_543_296 + 12 * (2 * 512 * 1024 + 1024) + 512 * 37_000),
    ],
)
def test_published_parameter_counts(preset: str, source: int, target: int, expected: int) -> None:
    tied = "all" if source == target else "target"
    with torch.device("meta"):
        model = Transformer.Config.model_validate({"preset": preset, "tied_embeddings": tied}).build(source, target)
    assert parameter_count(model) == expected


def test_tiny_is_the_multi30k_model_of_the_literature() -> None:
    """1,325,056 + 128 V parameters (Wu et al. 2021)."""
    model = Transformer.Config(preset="tiny").build(9712, 9712)
    assert parameter_count(model) == 1_325_056 + 128 * 9712


def test_options_override_their_preset() -> None:
    config = Transformer.Config(preset="tiny", dropout=0.1)
    assert (config.model_dim, config.dropout) == (128, 0.1)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValidationError, match="multiple of heads"):
        Transformer.Config(model_dim=10, heads=3)
    with pytest.raises(ValidationError, match="multiple of decoder_heads"):
        Transformer.Config(model_dim=10, heads=2, decoder_heads=3)


def heads_of(mixer: Mixer) -> int:
    assert isinstance(mixer, Attention)
    return mixer.heads


def test_the_decoder_may_be_of_another_width_inside() -> None:
    model = Transformer.Config(preset="tiny", decoder_feedforward_dim=64, decoder_heads=2).build(10, 10)
    assert {layer.feedforward.inner.out_features for layer in model.encoder} == {256}
    assert {layer.feedforward.inner.out_features for layer in model.decoder} == {64}
    assert {heads_of(layer.mixer) for layer in model.encoder} == {4}
    assert {(heads_of(layer.mixer), layer.cross.heads) for layer in model.decoder} == {(2, 2)}


def test_what_is_not_asked_for_adds_no_weights() -> None:
    plain = Transformer.Config(preset="tiny").build(10, 10)
    full = Transformer.Config(preset="tiny", output_bias=True, normalized_embeddings=True).build(10, 10)
    norms = {f"{side}_embedding_norm.{part}" for side in ("source", "target") for part in ("weight", "bias")}
    assert set(named_weights(full)) - set(named_weights(plain)) == {"output.bias", *norms}
    assert plain.source_embedding.scale == 128**0.5
    assert Transformer.Config(preset="tiny", scaled_embeddings=False).build(10, 10).source_embedding.scale == 1.0


def test_a_decoder_takes_no_statistics_of_whole_sentences() -> None:
    with pytest.raises(ValidationError, match="decoder_norm"):
        Transformer.Config.model_validate({"decoder_norm": {"kind": "batch"}})


def test_tying_everything_needs_one_vocabulary() -> None:
    with pytest.raises(ValueError, match="joint"):
        Transformer.Config(preset="tiny").build(10, 11)


def test_tied_weights_are_one_tensor() -> None:
    model = Transformer.Config(preset="tiny").build(50, 50)
    assert model.output.weight is model.source_embedding.weight is model.target_embedding.weight


def test_loss_at_the_start_is_about_that_of_guessing() -> None:
    torch.manual_seed(0)
    model = Transformer.Config(preset="tiny", norm="pre").build(1000, 1000).eval()
    source = torch.randint(4, 1000, (8, 12))
    mask = torch.ones_like(source, dtype=torch.bool)
    logits = model.decode(source, mask, model.encode(source, mask)).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.randint(4, 1000, (8 * 12,)))
    assert 6.0 < loss.item() < 9.0  # log 1000 = 6.9


def test_layers_take_alternating_mixers_in_turn() -> None:
    options = {
        "decoder_layers": 3,
        "decoder_mixer": {"kind": "alternating", "mixers": [{"kind": "ssru"}, {"kind": "attention"}]},
    }
    model = Transformer.Config.model_validate({"preset": "tiny", **options}).build(20, 20)
    assert [type(layer.mixer) for layer in model.decoder] == [SSRU, CausalAttention, SSRU]
    weights = named_weights(model)
    assert "decoder.0.ssru.input.weight" in weights
    assert "decoder.1.attention.input.weight" in weights
