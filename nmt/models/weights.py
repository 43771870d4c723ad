"""A model's weights as named tensors, each shared tensor once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from nmt.errors import UserError
from nmt.text import sync_directory


def named_weights(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and persistent buffers by name; tied ones under their first name only. Shares the model's memory."""
    saved = model.state_dict().keys()
    weights: dict[str, Tensor] = {name: parameter.data for name, parameter in model.named_parameters()}
    return weights | {name: buffer for name, buffer in model.named_buffers() if name in saved}


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Writes a safetensors file that appears whole or not at all, readable by whom the umask lets read.

    Raises:
        UserError: the disk is full or the folder cannot be written to.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, part, dict(metadata))
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)  # the library makes files for their owner alone
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
        sync_directory(path.parent)
    except (OSError, SafetensorError) as error:
        part.unlink(missing_ok=True)
        raise UserError(str(path), "room and permission to write weights", str(error)) from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a safetensors file and its metadata.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise UserError(str(path), "a whole safetensors file", str(error)) from error


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor of a safetensors file, without reading any.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise UserError(str(path), "a whole safetensors file", str(error)) from error


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Copies weights into a model.

    Args:
        model: of the architecture that the weights are for.
        weights: as from `named_weights`.
        where: the file that they come from, for errors.

    Raises:
        UserError: a weight is missing, left over, or of another shape or kind of number.
    """
    own = named_weights(model)
    _check_fit(own, weights, where)
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(weights[name])


def put_weights(model: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Makes the tensors themselves the model's weights, so that there are no others, not even for a moment.

    Args:
        model: as for `load_weights`; its own weights may be on the meta device.
        weights: as from `named_weights`.
        where: the file that they come from, for errors.

    Raises:
        UserError: a weight is missing, left over, or of another shape or kind of number.
    """
    own = named_weights(model)
    _check_fit(own, weights, where)
    parameters = {
        id(old): nn.Parameter(weights[name].to(old.dtype), requires_grad=old.requires_grad)
        for name, old in model.named_parameters()
    }
    buffers = {id(old): weights[name].to(old.dtype) for name, old in model.named_buffers() if name in own}
    for module in model.modules():  # a tied weight is that of several modules
        for name, old in module._parameters.items():
            if old is not None:
                module._parameters[name] = parameters[id(old)]
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = buffers.get(id(buffer), buffer)


def _check_fit(own: Mapping[str, Tensor], weights: Mapping[str, Tensor], where: str) -> None:
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
        if not _fits(tensor.dtype, weights[name].dtype):  # would be cut to integers in silence
            raise UserError(where, f"{name} of {_numbers(tensor)}", _numbers(weights[name]))


def _fits(own: torch.dtype, theirs: torch.dtype) -> bool:
    floats = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
    return theirs in floats if own.is_floating_point else own == theirs


def _numbers(tensor: Tensor) -> str:
    return "floating-point numbers" if tensor.is_floating_point() else str(tensor.dtype).removeprefix("torch.")


def parameter_count(model: nn.Module) -> int:
    """Number of trained values, shared ones counted once."""
    return sum(parameter.numel() for parameter in model.parameters())


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "") if names else "none"
