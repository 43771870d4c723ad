"""Random weights of the smallest fairseq models, by fairseq's names."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

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


OLD_NORMS = {
    "encoder": ("self_attn_layer_norm", "final_layer_norm"),
    "decoder": ("self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm"),
}


def downgraded(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The names of early 2018 and the projections of then."""
    old: dict[str, Tensor] = {}
    for name, tensor in state.items():
        side = name.partition(".")[0]
        place, dot, rest = name.partition("q_proj.")
        if dot:
            old[f"{place}in_proj_{rest}"] = torch.cat([state[f"{place}{part}_proj.{rest}"] for part in "qkv"])
        elif "k_proj." not in name and "v_proj." not in name:
            for number, norm in enumerate(OLD_NORMS[side]):
                name = re.sub(rf"(\.layers\.\d+)\.{norm}\.", rf"\1.layer_norms.{number}.", name)
            old[name.replace("decoder.output_projection.weight", "decoder.embed_out")] = tensor
    return old
