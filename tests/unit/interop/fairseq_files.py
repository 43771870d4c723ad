"""What a user of fairseq has on the disk: a checkpoint, dictionaries and codes, of the smallest transformer."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests.unit.interop.fairseq_states import VOCABULARY, transformer

WORDS = ("a", "house", "hou@@", "se", "madeupword0000")
assert len(WORDS) == VOCABULARY - 4

MODEL: Mapping[str, Any] = {
    "encoder_embed_dim": 4,
    "encoder_ffn_embed_dim": 6,
    "encoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_embed_dim": 4,
    "decoder_ffn_embed_dim": 6,
    "decoder_layers": 1,
    "decoder_attention_heads": 2,
    "dropout": 0.1,
    "activation_fn": "relu",
    "encoder_layerdrop": 0.2,
    "adaptive_softmax_cutoff": None,
    "layernorm_embedding": False,
    "max_source_positions": 30,
    "max_target_positions": 40,
}
TASK = {"source_lang": "en", "target_lang": "de"}


def old_checkpoint(path: Path, state: Mapping[str, Tensor] | None = None, **changes: Any) -> Path:
    """With `args`, as fairseq saved until the end of 2020."""
    known = {"arch": "transformer_wmt_en_de", "task": "translation", **TASK, **MODEL}
    arguments = Namespace(**{**known, **changes})
    return _save(
        path, state, {"args": arguments, "optimizer_history": [{"num_updates": 7}], "extra_state": {"epoch": 1}}
    )


def new_checkpoint(path: Path, state: Mapping[str, Tensor] | None = None, **sections: Any) -> Path:
    """With `cfg`, where architectures from before it are a namespace still."""
    model = Namespace(arch="transformer_wmt_en_de", _name="transformer_wmt_en_de", **MODEL)
    settings = {"model": model, "task": {"_name": "translation", **TASK}, "bpe": None, "tokenizer": None, **sections}
    return _save(path, state, {"args": None, "cfg": settings, "optimizer_history": [{"num_updates": 8}]})


def _save(path: Path, state: Mapping[str, Tensor] | None, content: Mapping[str, Any]) -> Path:
    torch.save({**content, "model": transformer() if state is None else state, "last_optimizer_state": {}}, path)
    return path


def write_dictionaries(directory: Path, words: tuple[str, ...] = WORDS) -> Path:
    for language in ("en", "de"):
        text = "".join(f"{word} {10 - count}\n" for count, word in enumerate(words))
        (directory / f"dict.{language}.txt").write_text(text, encoding="utf-8")
    (directory / "bpecodes").write_text("#version: 0.2\nh o\nho u\ns e</w>\n", encoding="utf-8")
    return directory
