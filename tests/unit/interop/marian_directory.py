"""A directory as Hugging Face's transformers saves a tiny MarianMT model, written by hand."""

from __future__ import annotations

import functools
import io
import json
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from safetensors.torch import save_file
from torch import Tensor

WIDTH, INNER = 8, 12

CONFIG: dict[str, Any] = {
    "model_type": "marian",
    "architectures": ["MarianMTModel"],
    "d_model": WIDTH,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_ffn_dim": INNER,
    "decoder_ffn_dim": INNER,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "activation_function": "swish",
    "scale_embedding": True,
    "max_position_embeddings": 64,
    "static_position_embeddings": True,
    "normalize_before": False,
    "normalize_embedding": False,
    "add_final_layer_norm": False,
    "eos_token_id": 0,
}

GENERATION: dict[str, Any] = {"num_beams": 4, "max_length": 32, "renormalize_logits": True, "forced_eos_token_id": 0}


@functools.cache
def segmentation() -> bytes:
    """A SentencePiece model."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat sat on the mat", "die katze sass auf der matte"] * 20),
        model_writer=model,
        vocab_size=40,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return model.getvalue()


@functools.cache
def vocabulary() -> dict[str, int]:
    processor = sentencepiece.SentencePieceProcessor(model_proto=segmentation())
    pieces = [processor.id_to_piece(token) for token in range(3, processor.get_piece_size())]
    return {name: token for token, name in enumerate(("</s>", "<unk>", *pieces, ">>deu<<", "<pad>"))}


def weights() -> dict[str, Tensor]:
    """Random, of a model with one vocabulary."""
    shapes: dict[str, tuple[int, ...]] = {"model.shared.weight": (len(vocabulary()), WIDTH)}
    shapes["final_logits_bias"] = (1, len(vocabulary()))
    for side in ("encoder", "decoder"):
        layer = f"model.{side}.layers.0"
        for attention in ("self_attn", "encoder_attn")[: 1 + (side == "decoder")]:
            for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
                shapes |= {f"{layer}.{attention}.{part}.weight": (WIDTH, WIDTH)}
                shapes |= {f"{layer}.{attention}.{part}.bias": (WIDTH,)}
            shapes |= _norm(f"{layer}.{attention}_layer_norm")
        shapes |= {f"{layer}.fc1.weight": (INNER, WIDTH), f"{layer}.fc1.bias": (INNER,)}
        shapes |= {f"{layer}.fc2.weight": (WIDTH, INNER), f"{layer}.fc2.bias": (WIDTH,)}
        shapes |= _norm(f"{layer}.final_layer_norm")
    return {name: torch.randn(shape) for name, shape in shapes.items()}


def save(directory: Path, **changes: dict[str, Any]) -> Path:
    """Writes the directory.

    Args:
        directory: made.
        changes: to the files config, generation_config, tokenizer_config; None removes an entry.
    """
    directory.mkdir(parents=True)
    pad = vocabulary()["<pad>"]
    config = {**CONFIG, "vocab_size": len(vocabulary()), "pad_token_id": pad, "decoder_start_token_id": pad}
    files = {
        "config": config,
        "generation_config": {**GENERATION, "bad_words_ids": [[pad]]},
        "tokenizer_config": {"source_lang": "en", "target_lang": "de"},
        "vocab": vocabulary(),
    }
    for name, content in files.items():
        changed = {**content, **changes.get(name, {})}
        text = json.dumps({key: value for key, value in changed.items() if value is not None})
        (directory / f"{name}.json").write_text(text, encoding="utf-8")
    for side in ("source", "target"):
        (directory / f"{side}.spm").write_bytes(segmentation())
    save_file(weights(), directory / "model.safetensors")
    return directory


def _norm(name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (WIDTH,), f"{name}.bias": (WIDTH,)}
