"""A model's weights as named tensors, shared ones only once, and files of them that are checked when read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from nmt.documents import check_regular
from nmt.errors import UserError
from nmt.nn.norm.running import running_statistics
from nmt.output import sync_directory, worded_errors

DIGEST = "digest"
"""Key in the metadata of a file: SHA-256 of everything else in it. Files of other programs have none."""


class DamagedError(UserError):
    """A tensor file that differs from what was written."""


def named_weights(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and persistent buffers by name, tied ones under their first name only. Shares the model's memory."""
    saved = model.state_dict().keys()
    weights: dict[str, Tensor] = {name: parameter.data for name, parameter in model.named_parameters()}
    return weights | {name: buffer for name, buffer in model.named_buffers() if name in saved}


def averaged_names(model: nn.Module) -> set[str]:
    """Names of the tensors that checkpoint averaging averages: parameters, and statistics of the training data."""
    return {name for name, _ in model.named_parameters()} | running_statistics(model).keys()


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Writes a safetensors file atomically, with the permissions that the umask allows.

    Its metadata contains a digest of the content, by which `read_tensors` detects damage.

    Raises:
        UserError: the disk is full or the folder cannot be written to.
    """
    part = path.with_name(f".{path.name}.part")
    content = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with worded_errors(path):
        try:
            save_file(content, part, {**metadata, DIGEST: content_digest(content, metadata)})
            umask = os.umask(0)
            os.umask(umask)
            part.chmod(0o666 & ~umask)  # the library makes files private to their owner
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(path)
            sync_directory(path.parent)
        except SafetensorError as error:  # the library's form of an OSError
            raise UserError(str(path), "disk space and permission to write weights", str(error)) from error
        finally:
            part.unlink(missing_ok=True)


def read_tensors(path: Path, *, verify: bool = True) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a safetensors file, mapped into memory, and its metadata.

    Args:
        path: the file.
        verify: compare the content with the file's digest, if it has one; can be skipped just after a comparison.

    Raises:
        DamagedError: it is not a safetensors file, or its content has changed since it was written.
        UserError: it cannot be read.
    """
    with _opened(path) as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata: dict[str, str] = file.metadata() or {}
    expected = metadata.pop(DIGEST, None)
    if verify and expected is not None and content_digest(tensors, metadata) != expected:
        raise DamagedError(str(path), "the content that was written", "damaged or edited data: its digest differs")
    return tensors, metadata


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor of a safetensors file; reads no tensor data.

    Raises:
        UserError: as `read_tensors`.
    """
    with _opened(path) as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def shapes_of(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """The shape of each weight by name."""
    return {name: tuple(tensor.shape) for name, tensor in named_weights(model).items()}


def shapes_difference(found: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]) -> str:
    """Describes the first weight whose shape differs, or that only one side has; empty if there is none."""
    for name in {**found, **expected}:
        if found.get(name) != expected.get(name):
            return f"{name} of {_shape(found.get(name))} instead of {_shape(expected.get(name))}"
    return ""


def _shape(shape: tuple[int, ...] | None) -> str:
    return "no values" if shape is None else " x ".join(map(str, shape)) or "one value"


def read_digest(path: Path) -> str:
    """The digest recorded in a file; empty if there is none. The content is not read.

    Raises:
        UserError: as `read_tensors`.
    """
    with _opened(path) as file:
        return str((file.metadata() or {}).get(DIGEST, ""))


def content_digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """Hexadecimal SHA-256 of the names, types, shapes and values of tensors on the CPU, and of other metadata."""

    def of_tensor(name: str) -> str:
        tensor = tensors[name]
        values = hashlib.sha256(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data).hexdigest()
        return f"{name}\0{tensor.dtype}\0{list(tensor.shape)}\0{values}"

    with ThreadPoolExecutor() as threads:  # hashing releases Python's lock
        parts = list(threads.map(of_tensor, sorted(tensors)))
    parts += [f"{name}\0{metadata[name]}" for name in sorted(metadata)]
    return hashlib.sha256("\0\0".join(parts).encode()).hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[Any]:  # the library's reader has no types
    """The opened file; turns errors of the library and of the system into user errors."""
    expected = "a whole safetensors file"
    try:
        check_regular(path, expected)
        with safe_open(path, framework="pt") as file:
            yield file
    except SafetensorError as error:
        raise DamagedError(str(path), expected, str(error)) from error
    except OSError as error:
        raise UserError(str(path), expected, error.strerror or str(error)) from None


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Copies weights into a model.

    Args:
        model: a model of the weights' architecture.
        weights: as from `named_weights`.
        where: the file that they come from, for errors.

    Raises:
        UserError: a weight is missing, unexpected, or of the wrong shape or number type.
    """
    _check_fit(model, weights, where)
    with torch.no_grad():
        for name, tensor in named_weights(model).items():
            tensor.copy_(weights[name])


def put_weights(model: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Makes the tensors themselves the model's weights, so memory never holds a second set.

    Args:
        model: as for `load_weights`; its own weights may be on the meta device.
        weights: as from `named_weights`.
        where: the file that they come from, for errors.

    Raises:
        UserError: a weight is missing, unexpected, or of the wrong shape or number type.
    """
    _check_fit(model, weights, where)
    own = named_weights(model)
    parameters = {
        id(old): nn.Parameter(weights[name].to(old.dtype), requires_grad=old.requires_grad)
        for name, old in model.named_parameters()
    }
    buffers = {id(old): weights[name].to(old.dtype) for name, old in model.named_buffers() if name in own}
    for module in model.modules():  # a tied weight belongs to several modules
        for name, old in module._parameters.items():
            if old is not None:
                module._parameters[name] = parameters[id(old)]
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = buffers.get(id(buffer), buffer)


def check_shapes(model: nn.Module, shapes: Mapping[str, tuple[int, ...]], where: str) -> None:
    """Checks that shapes of weights fit this model, before the weights are read.

    Raises:
        UserError: a weight is missing, unexpected, or of the wrong shape.
    """
    own = shapes_of(model)
    missing, unexpected = sorted(own.keys() - shapes.keys()), sorted(shapes.keys() - own.keys())
    if missing or unexpected:
        raise UserError(
            where,
            f"the {len(own)} weights of this architecture",
            f"{len(missing)} missing ({_some(missing)}), {len(unexpected)} unexpected ({_some(unexpected)})",
            "The weights belong to another model.",
        )
    for name, shape in own.items():
        if shape != shapes[name]:
            raise UserError(where, f"{name} of shape {shape}", f"{shapes[name]}")


def _check_fit(model: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    check_shapes(model, {name: tuple(tensor.shape) for name, tensor in weights.items()}, where)
    for name, tensor in named_weights(model).items():
        if not _fits(tensor.dtype, weights[name].dtype):  # would silently be truncated to integers
            raise UserError(where, f"{name} of {_numbers(tensor)}", _numbers(weights[name]))


def _fits(own: torch.dtype, theirs: torch.dtype) -> bool:
    floats = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
    return theirs in floats if own.is_floating_point else own == theirs


def _numbers(tensor: Tensor) -> str:
    return "floating-point numbers" if tensor.is_floating_point() else str(tensor.dtype).removeprefix("torch.")


def parameter_count(model: nn.Module) -> int:
    """Number of trainable values; shared ones count once."""
    return sum(parameter.numel() for parameter in model.parameters())


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "") if names else "none"
