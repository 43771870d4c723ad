"""From fairseq's settings and weights, as a checkpoint holds them, to a model with fairseq's logits."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from nmt.data.batch import collate
from nmt.interop.fairseq_architecture import build_model
from nmt.interop.fairseq_checkpoint import read_checkpoint
from tests.parity.reference import (
    TOLERANCE,
    dictionary,
    in_our_order,
    logits_of,
    make_random,
    padded_left,
    their_sample,
)
from tests.unit.interop.fairseq_states import downgraded

SMALL = {
    "arch": "transformer",
    "encoder_embed_dim": 32,
    "encoder_ffn_embed_dim": 48,
    "encoder_attention_heads": 4,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "decoder_attention_heads": 4,
    "max_source_positions": 30,
    "max_target_positions": 40,
}
CONVOLUTIONAL = {
    "arch": "fconv",
    "encoder_embed_dim": 24,
    "decoder_embed_dim": 24,
    "encoder_layers": "[(16, 3)] * 2 + [(20, 5)]",
    "decoder_layers": "[(16, 3), (16, 2)] + 1 * [(20, 1)]",
    "decoder_attention": "[True, False, True]",
    "decoder_out_embed_dim": 12,
    "max_source_positions": 30,
    "max_target_positions": 40,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "as in wmt19": {**SMALL, "share_all_embeddings": True, "decoder_ffn_embed_dim": 24},
    "other heads in the decoder": {**SMALL, "decoder_attention_heads": 2},
    "pre-norm, learned positions, output tied": {
        **SMALL,
        "encoder_normalize_before": True,
        "decoder_normalize_before": True,
        "encoder_learned_pos": True,
        "decoder_learned_pos": True,
        "share_decoder_input_output_embed": True,
    },
    "embeddings normalised and not scaled, gelu": {
        **SMALL,
        "layernorm_embedding": True,
        "no_scale_embedding": True,
        "activation_fn": "gelu",
    },
    "fconv": CONVOLUTIONAL,
    "fconv, output tied": {**CONVOLUTIONAL, "share_input_output_embed": True, "decoder_out_embed_dim": 24},
}


def their_model(settings: Mapping[str, Any], vocabularies: tuple[int, int]) -> nn.Module:
    """fairseq's, its weights random in every part."""
    from fairseq.models import ARCH_MODEL_REGISTRY

    source, target = map(dictionary, vocabularies)
    task = Namespace(source_dictionary=source, target_dictionary=source if source == target else target)
    torch.manual_seed(1)
    model: nn.Module = ARCH_MODEL_REGISTRY[settings["arch"]].build_model(Namespace(**settings), task)
    return make_random(model).eval()


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("age", ["new", "of 2018"])
def test_logits(name: str, age: str, tmp_path: Path) -> None:
    settings = SETTINGS[name]
    vocabularies = (61, 61) if settings.get("share_all_embeddings") else (50, 61)
    theirs = their_model(settings, vocabularies)
    state = theirs.state_dict()
    if age != "new":
        state = downgraded(state)
        if settings.get("share_all_embeddings") or settings.get("share_decoder_input_output_embed"):
            del state["decoder.embed_out"]
    content = {"args": Namespace(task="translation", source_lang="en", target_lang="de", **settings), "model": state}
    torch.save(content, tmp_path / "model.pt", _use_new_zipfile_serialization=age == "new")
    _, ours = build_model(read_checkpoint(tmp_path / "model.pt"), *vocabularies)
    torch.manual_seed(2)
    sources = [torch.randint(5, 50, (length,)).tolist() for length in (9, 14, 1)]
    targets = [torch.randint(5, 61, (length,)).tolist() for length in (12, 4, 15)]
    batch = padded_left(collate(sources, targets))
    expected = in_our_order(theirs(**their_sample(batch)["net_input"])[0])
    found = logits_of(ours, batch)
    torch.testing.assert_close(found[batch.target_mask], expected[batch.target_mask], atol=TOLERANCE, rtol=0)
    assert expected.std() > 0.1
