"""The table and the options alone; that the model then computes the same is for tests/parity, which needs fairseq."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nmt.errors import UserError
from nmt.interop.fairseq.lstm import DEFAULTS, lstm_weights, luong_config
from nmt.interop.settings import Settings
from nmt.models.luong import Luong
from nmt.models.weights import load_weights
from nmt.nn.cells import LSTM
from nmt.nn.dot_attention import DotAttention

VOCABULARY = 9
ARGUMENTS: dict[str, Any] = {
    "arch": "lstm",
    "criterion": "label_smoothed_cross_entropy",
    "dropout": 0.3,
    "encoder_embed_dim": 4,
    "encoder_hidden_size": 3,
    "encoder_layers": 2,
    "encoder_bidirectional": True,
    "decoder_embed_dim": 5,
    "decoder_hidden_size": 8,
    "decoder_layers": 2,
    "decoder_out_embed_dim": 7,
    "decoder_attention": "True",
    "decoder_dropout_in": 0.0,
    "encoder_dropout_out": 0.3,
    "share_decoder_input_output_embed": False,
    "encoder_embed_path": None,
}


def config(arguments: dict[str, Any]) -> Luong.Config:
    return luong_config(Settings(arguments, DEFAULTS, "checkpoint.pt"))


def cell(prefix: str, ending: str, inputs: int, width: int) -> dict[str, tuple[int, ...]]:
    return {
        f"{prefix}weight_ih{ending}": (4 * width, inputs),
        f"{prefix}weight_hh{ending}": (4 * width, width),
        f"{prefix}bias_ih{ending}": (4 * width,),
        f"{prefix}bias_hh{ending}": (4 * width,),
    }


def linear(name: str, outputs: int, inputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def lstm() -> dict[str, Tensor]:
    """The weights that go with the arguments."""
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.embed_tokens.weight": (VOCABULARY, 4),
        "decoder.embed_tokens.weight": (VOCABULARY, 5),
        "decoder.attention.input_proj.weight": (6, 8),
        "decoder.attention.output_proj.weight": (8, 6 + 8),
    }
    for layer, inputs in enumerate((4, 6)):
        for direction in ("", "_reverse"):
            shapes |= cell("encoder.lstm.", f"_l{layer}{direction}", inputs, 3)
    shapes |= cell("decoder.layers.0.", "", 5 + 8, 8) | cell("decoder.layers.1.", "", 8, 8)
    for part in ("hidden", "cell"):
        shapes |= linear(f"decoder.encoder_{part}_proj", 8, 6)
    shapes |= linear("decoder.additional_fc", 7, 8) | linear("decoder.fc_out", VOCABULARY, 7)
    return {name: torch.randn(shape) for name, shape in shapes.items()}


def test_the_table_fills_the_model_of_these_arguments() -> None:
    state = lstm()
    model = config(ARGUMENTS).build(VOCABULARY, VOCABULARY)
    load_weights(model, lstm_weights(state), "fairseq")
    lowest = model.decoder[0]
    assert isinstance(lowest, LSTM)
    weight = torch.cat([lowest.input.weight, model.feed.weight], dim=1)
    assert torch.equal(weight, state["decoder.layers.0.weight_ih"])
    bias = state["decoder.layers.0.bias_ih"] + state["decoder.layers.0.bias_hh"]
    assert torch.equal(lowest.input.bias, bias)
    assert isinstance(model.attention, DotAttention)
    attention = torch.cat([model.attention.value.weight, model.attention.query.weight], dim=1)
    assert torch.equal(attention, state["decoder.attention.output_proj.weight"])


def test_the_output_layer_of_a_tied_model_is_the_target_embedding() -> None:
    state = {name: tensor for name, tensor in lstm().items() if "fc_out" not in name and "additional_fc" not in name}
    arguments = {**ARGUMENTS, "share_decoder_input_output_embed": True, "decoder_embed_dim": 8}
    arguments["decoder_out_embed_dim"] = 8
    state["decoder.embed_tokens.weight"] = torch.randn(VOCABULARY, 8)
    state["decoder.layers.0.weight_ih"] = torch.randn(32, 16)
    model = config(arguments).build(VOCABULARY, VOCABULARY)
    load_weights(model, lstm_weights(state), "fairseq")
    same = model.output.weight == model.target_embedding.weight
    assert same.all(dim=1).tolist() == [row != 2 for row in range(VOCABULARY)]  # BOS is what a sentence starts from


def test_options_by_name() -> None:
    imported = config(ARGUMENTS)
    assert imported == Luong.Config(
        layers=2,
        source_embedding_dim=4,
        target_embedding_dim=5,
        encoder_dim=3,
        decoder_dim=8,
        output_dim=7,
        bidirectional=True,
        cell=LSTM.Config(forget_bias=0.0),
        dropout=0.3,
        target_embedding_dropout=0.0,
    )
    assert config({**ARGUMENTS, "encoder_hidden_size": None, "decoder_dropout_in": None}) == imported.model_copy(
        update={"encoder_dim": 4, "target_embedding_dropout": None}
    )


def test_what_a_checkpoint_does_not_say_is_fairseqs_default() -> None:
    imported = config({})
    assert (imported.layers, imported.encoder_dim, imported.decoder_dim, imported.output_dim) == (1, 512, 512, 512)
    assert (imported.dropout, imported.bidirectional, imported.output_bias) == (0.1, False, True)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"decoder_attention": "0"}, "decoder_attention"),
        ({"decoder_attention": False}, "decoder_attention"),
        ({"criterion": "adaptive_loss"}, "adaptive softmax"),
        ({"decoder_layers": 1}, "decoder_layers"),
        ({"encoder_hidden_size": 0}, "encoder_hidden_size"),
    ],
)
def test_what_ours_cannot_have_is_refused_by_name(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=named):
        config({**ARGUMENTS, **arguments})


@pytest.mark.parametrize(
    "name",
    [
        "encoder.lstm.bias_hh_l1",
        "encoder.lstm.weight_ih_l1_reverse",
        "decoder.layers.1.weight_hh",
        "decoder.fc_out.bias",
    ],
)
def test_a_missing_weight_is_named(name: str) -> None:
    state = lstm()
    del state[name]
    with pytest.raises(UserError, match=rf"missing \(.*{name}.*\)"):
        lstm_weights(state, "checkpoint.pt")


@pytest.mark.parametrize("name", ["decoder.adaptive_softmax.head.weight", "encoder.lstm.weight_hr_l0"])
def test_a_weight_of_another_architecture_is_named(name: str) -> None:
    with pytest.raises(UserError, match=rf"unexpected \({name}\)"):
        lstm_weights({**lstm(), name: torch.ones(4)})
