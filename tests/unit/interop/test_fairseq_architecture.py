"""Which models are taken, and by which name the others are refused. That they compute the same: tests/parity."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nmt.errors import UserError
from nmt.interop.fairseq.architecture import build_model
from nmt.interop.fairseq.checkpoint import read_checkpoint
from nmt.interop.fairseq.transformer import REFUSED
from nmt.models.convs2s import ConvS2S
from nmt.models.transformer import Transformer
from nmt.models.weights import named_weights
from tests.unit.interop.fairseq_files import old_checkpoint
from tests.unit.interop.fairseq_states import VOCABULARY, convs2s, downgraded, transformer

FCONV = {
    "arch": "fconv",
    "encoder_layers": "[(6, 3)] + [(8, 3)] * 1",
    "decoder_layers": "[(6, 3)]",
    "decoder_attention": "True",
    "decoder_out_embed_dim": 5,
    "max_source_positions": 12,
    "max_target_positions": 12,
}


def built(path: Path, state: Mapping[str, Tensor] | None = None, **changes: Any) -> Any:
    """The configuration and the model of a checkpoint with these settings."""
    return build_model(read_checkpoint(old_checkpoint(path / "model.pt", state, **changes)), VOCABULARY, VOCABULARY)


def test_a_transformer(tmp_path: Path) -> None:
    config, model = built(tmp_path)
    assert isinstance(config, Transformer.Config)
    assert (config.norm, config.positions, config.tied_embeddings) == ("post", "sinusoidal", "none")
    assert not model.training


def test_half_precision_and_the_names_of_2018_give_the_same_model(tmp_path: Path) -> None:
    state = {name: tensor.half() for name, tensor in transformer().items()}
    _, new = built(tmp_path, {name: tensor.float() for name, tensor in state.items()})
    _, old = built(tmp_path, downgraded(state))
    weights = named_weights(new)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in named_weights(old).items())


def test_settings_that_ours_has_too(tmp_path: Path) -> None:
    state = transformer()
    for side, rows in (("encoder", 12), ("decoder", 22)):
        state[f"{side}.layer_norm.weight"] = state[f"{side}.layer_norm.bias"] = torch.randn(4)
        state[f"{side}.layernorm_embedding.weight"] = state[f"{side}.layernorm_embedding.bias"] = torch.randn(4)
        state[f"{side}.embed_positions.weight"] = torch.randn(rows, 4)
    state["decoder.layers.0.fc1.weight"], state["decoder.layers.0.fc1.bias"] = torch.randn(10, 4), torch.randn(10)
    state["decoder.layers.0.fc2.weight"] = torch.randn(4, 10)
    config, model = built(
        tmp_path,
        state,
        encoder_normalize_before=True,
        decoder_normalize_before=True,
        encoder_learned_pos=True,
        decoder_learned_pos=True,
        max_source_positions=10,
        max_target_positions=20,
        decoder_ffn_embed_dim=10,
        decoder_attention_heads=4,
        layernorm_embedding=True,
        no_scale_embedding=True,
        activation_fn="gelu",
        relu_dropout=0.3,
    )
    assert (config.norm, config.positions, config.activation) == ("pre", "learned", "gelu")
    assert (config.decoder_feedforward_dim, config.decoder_heads, config.activation_dropout) == (10, 4, 0.3)
    assert not config.scaled_embeddings
    assert config.normalized_embeddings
    source, target = model.source_positions.weight, model.target_positions.weight
    assert torch.equal(target, state["decoder.embed_positions.weight"][2:])
    assert torch.equal(source[:10], state["encoder.embed_positions.weight"][2:])
    assert (source[10:] == source[9]).all(), "beyond its end a table goes on with its last vector"


def test_a_convolutional_model(tmp_path: Path) -> None:
    config, _ = built(tmp_path, convs2s(), **FCONV)
    assert isinstance(config, ConvS2S.Config)
    assert [(block.width, block.kernel, block.layers) for block in config.encoder] == [(6, 3, 1), (8, 3, 1)]
    assert config.positions == 10


@pytest.mark.parametrize("name", REFUSED)
def test_a_setting_that_changes_the_arithmetic_is_refused_by_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"model\.pt: {name}: expected a model without it"):
        changes: dict[str, Any] = {name: True if name.startswith(("no_", "scale", "adaptive_input")) else "2,4"}
        built(tmp_path, **changes)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"activation_fn": "gelu_accurate"}, "activation_fn"),
        ({"decoder_normalize_before": True}, "decoder_normalize_before"),
        ({"encoder_learned_pos": True}, "decoder_learned_pos"),
        ({"decoder_embed_dim": 8}, "decoder_embed_dim"),
        ({"decoder_output_dim": 8}, "decoder_output_dim"),
        ({"encoder_layers": "six"}, "encoder_layers"),
        ({"encoder_layers": 0}, "encoder_layers"),
        ({"decoder_layers": 10**9}, "decoder_layers"),
        ({"encoder_attention_heads": 3}, "encoder_attention_heads"),
        ({"dropout": 1.5}, "dropout"),
        ({"encoder_normalize_before": True, "decoder_normalize_before": True}, "encoder_normalize_before"),
        ({"task": "translation_multi_simple_epoch"}, "task"),
        ({"arch": "roberta_base"}, "arch"),
        ({"arch": "mbart_large"}, "arch"),
        ({"arch": "nonautoregressive_transformer"}, "arch"),
        ({"arch": "transformer_align"}, "arch"),
        ({**FCONV, "encoder_layers": "[(6, 3, 2)] * 2"}, "encoder_layers"),
        ({**FCONV, "decoder_embed_dim": 8}, "decoder_embed_dim"),
        ({**FCONV, "decoder_attention": "[True, False]"}, "decoder_attention"),
        ({**FCONV, "decoder_attention": "False"}, "decoder_attention"),
    ],
)
def test_what_ours_has_not_is_refused_by_name(changes: dict[str, Any], name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"model\.pt: {name}: expected"):
        built(tmp_path, convs2s() if changes.get("arch") == "fconv" else None, **changes)


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').mkdir('{}')",
        "[(6, 3)] * 10**9",
        "[(6, 3)] * 1000000",
        "[" * 500,
        "(6, 3)",
        "[(6, 3.5)]",
        "",
        "[]",
    ],
)
def test_layers_are_read_not_run(expression: str, tmp_path: Path) -> None:
    mark = tmp_path / "run"
    with pytest.raises(UserError, match=r"encoder_layers: expected"):
        built(tmp_path, convs2s(), **{**FCONV, "encoder_layers": expression.format(mark)})
    assert not mark.exists()


def test_every_weight_must_have_its_place(tmp_path: Path) -> None:
    state = transformer()
    state["encoder.layers.0.quant.weight"] = torch.zeros(1)
    del state["decoder.layers.0.fc2.bias"]
    with pytest.raises(UserError, match=r"1 unexpected \(encoder\.layers\.0\.quant.*fc2\.bias\)"):
        built(tmp_path, state)


def test_a_weight_of_another_shape(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"encoder\.0\.feedforward\.inner\.weight of shape \(8, 4\)"):
        built(tmp_path, encoder_ffn_embed_dim=8)


def test_a_dictionary_of_another_size(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(old_checkpoint(tmp_path / "model.pt"))
    with pytest.raises(UserError, match=r"an embedding for the 8 entries of the target dictionary.*got one for 9"):
        build_model(checkpoint, VOCABULARY, VOCABULARY - 1)


def test_settings_of_other_types_give_no_traceback(tmp_path: Path) -> None:
    for changes in (
        {"encoder_attention_heads": 3},
        {"arch": "lstm", "encoder_layers": "many", "decoder_layers": "many"},
    ):
        with pytest.raises(UserError, match=r"model\.pt"):
            built(tmp_path, **changes)
