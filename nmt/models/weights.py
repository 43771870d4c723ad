"""A model's weights as named tensors, each shared tensor once."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nmt.errors import UserError


def named_weights(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and persistent buffers by name; tied ones under their first name only. Shares the model's memory."""
    saved = model.state_dict().keys()
    weights: dict[str, Tensor] = {name: parameter.data for name, parameter in model.named_parameters()}
    return weights | {name: buffer for name, buffer in model.named_buffers() if name in saved}


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Copies weights into a model.

    Args:
        model: of the architecture that the weights are for.
        weights: as from `named_weights`.
        where: the file that they come from, for errors.

    Raises:
        UserError: a weight is missing, left over or of another shape.
    """
    own = named_weights(model)
    missing, unexpected = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    if missing or unexpected:
        raise UserError(
            where,
            f"the {len(own)} weights of this architecture",
            f"{len(missing)} missing ({_some(missing)}), {len(unexpected)} unexpected ({_some(unexpected)})",
            "The weights belong to another model.",
        )
    for name, tensor in own.items():
        if tensor.shape != weights[name].shape:
            raise UserError(where, f"{name} of shape {tuple(tensor.shape)}", f"{tuple(weights[name].shape)}")
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(weights[name])


def parameter_count(model: nn.Module) -> int:
    """Number of trained values, shared ones counted once."""
    return sum(parameter.numel() for parameter in model.parameters())


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "") if names else "none"
