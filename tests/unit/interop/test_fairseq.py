"""The tables alone; that the weights then compute the same is for tests/parity, which needs fairseq."""

from __future__ import annotations

import pytest
import torch

from nmt.errors import UserError
from nmt.interop.fairseq.weights import (
    FAIRSEQ_SPECIAL,
    convs2s_weights,
    reordered,
    started_from_eos,
    transformer_weights,
)
from nmt.models.convs2s import Convolutions, ConvS2S, DecoderConvolutions
from nmt.models.transformer import Transformer
from nmt.models.weights import load_weights
from nmt.tokenizer.base import SPECIAL
from tests.unit.interop.fairseq_states import VOCABULARY, convs2s, transformer


def test_the_tables_fill_our_models() -> None:
    config = Transformer.Config(
        model_dim=4, feedforward_dim=6, heads=2, tied_embeddings="none", encoder_layers=1, decoder_layers=1
    )
    load_weights(config.build(VOCABULARY, VOCABULARY), transformer_weights(transformer()), "fairseq")
    convolutional = ConvS2S.Config(
        embedding_dim=4,
        output_dim=5,
        encoder=(Convolutions(width=6, kernel=3), Convolutions(width=8, kernel=3)),
        decoder=(DecoderConvolutions(width=6, kernel=3),),
        positions=10,
    )
    load_weights(convolutional.build(VOCABULARY, VOCABULARY), convs2s_weights(convs2s()), "fairseq")


def test_special_tokens_change_places_and_the_others_stay() -> None:
    table = torch.arange(VOCABULARY)
    for convert, start in ((reordered, FAIRSEQ_SPECIAL.bos), (started_from_eos, FAIRSEQ_SPECIAL.eos)):
        ours = convert(table).tolist()
        assert ours[SPECIAL.pad] == FAIRSEQ_SPECIAL.pad
        assert ours[SPECIAL.unk] == FAIRSEQ_SPECIAL.unk
        assert ours[SPECIAL.bos] == start
        assert ours[SPECIAL.eos] == FAIRSEQ_SPECIAL.eos
        assert ours[4:] == list(range(4, VOCABULARY))


def test_an_output_layer_without_weight_norm_stays_what_it_is() -> None:
    state = convs2s()
    del state["decoder.fc3.weight_v"], state["decoder.fc3.weight_g"]
    state["decoder.fc3.weight"] = torch.randn(VOCABULARY, 5)
    state["decoder.fc3.weight"][FAIRSEQ_SPECIAL.pad] = 0.0  # as fairseq begins
    ours = convs2s_weights(state)
    direction, magnitude = ours["output.direction"], ours["output.magnitude"]
    weight = direction * (magnitude / direction.norm(dim=1))[:, None]
    torch.testing.assert_close(weight, reordered(state["decoder.fc3.weight"]))


@pytest.mark.parametrize("name", ["decoder.layers.0.encoder_attn.k_proj.bias", "decoder.output_projection.weight"])
def test_a_missing_weight_is_named(name: str) -> None:
    state = transformer()
    del state[name]
    with pytest.raises(UserError, match=rf"1 missing \({name}\)"):
        transformer_weights(state, "checkpoint.pt")


def test_a_weight_of_another_architecture_is_named() -> None:
    state = {**transformer(), "encoder.segment_embedding.weight": torch.ones(4)}
    with pytest.raises(UserError, match=r"unexpected \(encoder\.segment_embedding\.weight\)"):
        transformer_weights(state)


def test_weight_norm_over_the_wrong_axis_is_refused() -> None:
    state = convs2s()
    state["decoder.convolutions.0.weight_g"] = torch.ones(3, 1, 1)
    with pytest.raises(UserError, match=r"decoder\.convolutions\.0\.weight_g"):
        convs2s_weights(state)
