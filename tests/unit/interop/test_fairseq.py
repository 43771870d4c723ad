"""The tables alone; that the weights then compute the same is for tests/parity, which needs fairseq."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nmt.errors import UserError
from nmt.interop.fairseq import FAIRSEQ_SPECIAL, convs2s_weights, reordered, started_from_eos, transformer_weights
from nmt.models.convs2s import ConvS2S
from nmt.models.transformer import Transformer
from nmt.models.weights import load_weights
from nmt.tokenizer.base import SPECIAL

VOCABULARY = 9


def random(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    return {name: torch.randn(shape) for name, shape in shapes.items()}


def linear(name: str, outputs: int, inputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def normalised(name: str, outputs: int, inputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight_v": (outputs, inputs), f"{name}.weight_g": (outputs, 1), f"{name}.bias": (outputs,)}


def convolution(name: str, kernel: int, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {
        f"{name}.weight_v": (kernel, inputs, outputs),
        f"{name}.weight_g": (1, 1, outputs),
        f"{name}.bias": (outputs,),
    }


def transformer() -> dict[str, Tensor]:
    """A post-norm model of one layer on each side, 4 wide, 6 inside."""
    shapes: dict[str, tuple[int, ...]] = {"decoder.output_projection.weight": (VOCABULARY, 4), "encoder.version": (1,)}
    for side in ("encoder", "decoder"):
        layer = f"{side}.layers.0"
        shapes |= {f"{side}.embed_tokens.weight": (VOCABULARY, 4), f"{side}.embed_positions._float_tensor": (1,)}
        for attention in ("self_attn", "encoder_attn")[: 1 + (side == "decoder")]:
            for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
                shapes |= linear(f"{layer}.{attention}.{part}", 4, 4)
            shapes |= norm(f"{layer}.{attention}_layer_norm", 4)
        shapes |= linear(f"{layer}.fc1", 6, 4) | linear(f"{layer}.fc2", 4, 6) | norm(f"{layer}.final_layer_norm", 4)
    return random(shapes)


def convs2s() -> dict[str, Tensor]:
    """Two layers in the encoder, of which the second is wider, and one in the decoder."""
    shapes: dict[str, tuple[int, ...]] = {"decoder.version": (1,)}
    for side in ("encoder", "decoder"):
        shapes |= {f"{side}.embed_tokens.weight": (VOCABULARY, 4), f"{side}.embed_positions.weight": (12, 4)}
        shapes |= normalised(f"{side}.fc1", 6, 4) | convolution(f"{side}.convolutions.0", 3, 6, 12)
    shapes |= convolution("encoder.convolutions.1", 3, 6, 16) | normalised("encoder.projections.1", 8, 6)
    shapes |= (
        normalised("encoder.fc2", 4, 8) | normalised("decoder.fc2", 5, 6) | normalised("decoder.fc3", VOCABULARY, 5)
    )
    shapes |= normalised("decoder.attention.0.in_projection", 4, 6)
    shapes |= normalised("decoder.attention.0.out_projection", 6, 4)
    return random(shapes)


def test_the_tables_fill_our_models() -> None:
    one = {"encoder_layers": 1, "decoder_layers": 1}
    config = Transformer.Config(model_dim=4, feedforward_dim=6, heads=2, tied_embeddings="none", **one)
    load_weights(config.build(VOCABULARY, VOCABULARY), transformer_weights(transformer()), "fairseq")
    convolutional = ConvS2S.Config(
        embedding_dim=4,
        output_dim=5,
        encoder=[{"width": 6, "kernel": 3}, {"width": 8, "kernel": 3}],
        decoder=[{"width": 6, "kernel": 3}],
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
    with pytest.raises(UserError, match=r"nothing here corresponds to \(encoder\.segment_embedding\.weight\)"):
        transformer_weights(state)


def test_weight_norm_over_the_wrong_axis_is_refused() -> None:
    state = convs2s()
    state["decoder.convolutions.0.weight_g"] = torch.ones(3, 1, 1)
    with pytest.raises(UserError, match=r"decoder\.convolutions\.0\.weight_g"):
        convs2s_weights(state)
