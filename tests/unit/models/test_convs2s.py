"""The convolutional model's sizes, options, receptive field and variance."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from nmt.models.convs2s import Convolutions, ConvS2S, DecoderConvolutions
from nmt.models.weights import parameter_count

PUBLISHED = {
    "iwslt_de_en": [(256, 3)] * 4,
    "wmt_en_ro": [(512, 3)] * 20,
    "wmt_en_de": [(512, 3)] * 9 + [(1024, 3)] * 4 + [(2048, 1)] * 2,
    "wmt_en_fr": [(512, 3)] * 6 + [(768, 3)] * 4 + [(1024, 3)] * 3 + [(2048, 1), (4096, 1)],
}
"""(width, kernel) of each layer of the encoder; fairseq's fconv_*."""


@pytest.mark.parametrize("preset", PUBLISHED)
def test_presets_are_the_published_layers(preset: str) -> None:
    config = ConvS2S.Config.model_validate({"preset": preset})
    encoder = [(block.width, block.kernel) for block in config.encoder for _ in range(block.layers)]
    decoder = [(block.width, block.kernel) for block in config.decoder for _ in range(block.layers)]
    assert encoder == PUBLISHED[preset]
    assert decoder == (PUBLISHED[preset] if preset != "iwslt_de_en" else [(256, 3)] * 3)


def test_parameters_of_the_iwslt_architecture() -> None:
    """fairseq's fconv_iwslt_de_en, counted by hand; every weight-normalised row has a length besides."""
    vocabulary, positions, dim = 1000, 1024, 256

    def linear(inputs: int, outputs: int) -> int:
        return outputs * inputs + 2 * outputs

    encoder = 2 * linear(dim, dim) + 4 * linear(3 * dim, 2 * dim)
    decoder = 2 * linear(dim, dim) + 3 * (linear(3 * dim, 2 * dim) + 2 * linear(dim, dim)) + linear(dim, vocabulary)
    expected = 2 * (vocabulary + positions) * dim + encoder + decoder
    with torch.device("meta"):
        model = ConvS2S.Config.model_validate({"preset": "iwslt_de_en"}).build(vocabulary, vocabulary)
    assert parameter_count(model) == expected


def test_what_a_source_token_reaches() -> None:
    """Two layers of kernel 3: two positions to either side, and no further, but for the attention."""
    config = ConvS2S.Config(
        embedding_dim=8,
        output_dim=8,
        encoder=(Convolutions(width=8, kernel=3, layers=2),),
        decoder=(DecoderConvolutions(width=8, kernel=3),),
    )
    model = config.build(20, 20).eval()
    source = torch.tensor([[5, 6, 7, 8, 9, 10, 11, 3]])
    changed = source.clone()
    changed[0, 3] = 15
    mask = torch.ones_like(source, dtype=torch.bool)
    same = (model.encode(source, mask).keys == model.encode(changed, mask).keys).all(-1)[0]
    assert same.tolist() == [True, False, False, False, False, False, True, True]


def test_variance_stays_through_a_deep_stack() -> None:
    """Within a factor of two over 15 blocks: the initial scales, and the square root of a half, are right."""
    torch.manual_seed(0)
    config = ConvS2S.Config(
        embedding_dim=512,
        output_dim=512,
        encoder=(Convolutions(width=512, kernel=3, layers=15),),
        decoder=(DecoderConvolutions(width=512, kernel=3),),
        dropout=0.0,
    )
    model = config.build(1000, 1000).eval()
    source = torch.randint(4, 1000, (4, 30))
    real = torch.ones(4, 30, 1)
    with torch.no_grad():
        first = x = model.encoder_input(model.source_embedding(source) + model.source_positions(torch.arange(30)))
        for layer in model.encoder:
            x = layer(x, real)
    assert 0.5 < float(x.var() / first.var()) < 2.0


def test_a_tied_output_needs_its_width() -> None:
    with pytest.raises(ValidationError, match="output_dim must equal embedding_dim"):
        ConvS2S.Config.model_validate({"embedding_dim": 8, "output_dim": 9, "tied_embeddings": "target"})


def test_some_layer_must_see_the_source() -> None:
    with pytest.raises(ValidationError, match="attention"):
        ConvS2S.Config.model_validate({"decoder": (DecoderConvolutions(width=8, kernel=3, attention=False),)})


def test_positions_beyond_the_table_are_translated_too() -> None:
    model = ConvS2S.Config.model_validate({"preset": "iwslt_de_en", "positions": 4}).build(20, 20).eval()
    source = torch.randint(4, 20, (1, 9))
    mask = torch.ones_like(source, dtype=torch.bool)
    assert model.decode(source, mask, model.encode(source, mask)).logits.isfinite().all()
