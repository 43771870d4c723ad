"""Converts weights of older fairseq versions to the names and shapes of its last version."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

_NORMS = {
    "encoder": {"0": "self_attn_layer_norm", "1": "final_layer_norm"},
    "decoder": {"0": "self_attn_layer_norm", "1": "encoder_attn_layer_norm", "2": "final_layer_norm"},
}
_OLD_NORM = re.compile(r"(encoder|decoder)(\.layers\.\d+\.)layer_norms\.(\d)\.(weight|bias)")
_JOINED = re.compile(r"(.*\.(?:self_attn|encoder_attn)\.)in_proj_(weight|bias)")
_CONVOLUTION = re.compile(r"(.*\.convolutions\.\d+\.)weight_g")


def upgraded(state: Mapping[str, Tensor], *, shares_output: bool = False) -> dict[str, Tensor]:
    """The weights as fairseq 0.12 names them, in single precision.

    - `in_proj_weight` and `in_proj_bias` (until mid-2019) stacked the query, key and value projections.
    - `layer_norms.N` (2018) became one name for each.
    - `decoder.embed_out` became `decoder.output_projection.weight`; a transformer that shares its target embedding had
      no weight for the output layer at all.
    - The convolutions of the first fconv models were normalised over another axis: they become the same convolutions
      with the direction and magnitude of the last version.
    - Published models are often in half precision.

    Unknown weights are left as they are.

    Args:
        state: the entry `model` of a checkpoint.
        shares_output: the model is a transformer whose output layer is its target embedding.
    """
    result: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if tensor.is_floating_point():
            tensor = tensor.float()
        if (joined := _JOINED.fullmatch(name)) and tensor.dim() and not len(tensor) % 3:
            before, kind = joined.groups()
            for part, piece in zip("qkv", tensor.chunk(3), strict=True):
                result[f"{before}{part}_proj.{kind}"] = piece
        elif norm := _OLD_NORM.fullmatch(name):
            side, layer, number, kind = norm.groups()
            result[f"{side}{layer}{_NORMS[side].get(number, f'layer_norms.{number}')}.{kind}"] = tensor
        else:
            result["decoder.output_projection.weight" if name == "decoder.embed_out" else name] = tensor
    output, embedding = "decoder.output_projection.weight", "decoder.embed_tokens.weight"
    if shares_output and output not in result and embedding in result:
        result[output] = result[embedding]
    for name in [name for name in result if _CONVOLUTION.fullmatch(name)]:
        _normalise_over_channels(result, name.removesuffix("_g"))
    return result


def _normalise_over_channels(state: dict[str, Tensor], name: str) -> None:
    """Changes weight norm over any axis to one magnitude per output channel, [1, 1, channels]."""
    magnitude, direction = state[f"{name}_g"], state.get(f"{name}_v")
    if direction is None or magnitude.shape[:-1] == (1, 1) or magnitude.dim() != direction.dim():
        return
    axes = [axis for axis, size in enumerate(magnitude.shape) if size == 1]
    weight = direction * (magnitude / torch.linalg.vector_norm(direction, dim=axes, keepdim=True))
    state[f"{name}_v"] = weight
    state[f"{name}_g"] = torch.linalg.vector_norm(weight, dim=(0, 1), keepdim=True)
