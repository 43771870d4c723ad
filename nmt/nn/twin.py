"""Copies of modules in which some parts are other ones and all tensors are shared."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

from torch import nn

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def twin(module: ModuleT, replacement: Callable[[nn.Module], nn.Module | None]) -> ModuleT:
    """A copy that shares its parameters and buffers with the module, which stays as it is.

    Args:
        module: what is copied.
        replacement: what stands in the copy for a part; None for a copy of the part.
    """
    copied = _twin(module, replacement)
    assert isinstance(copied, type(module))
    return copied


def _twin(module: nn.Module, replacement: Callable[[nn.Module], nn.Module | None]) -> nn.Module:
    other = replacement(module)
    if other is not None:
        return other
    copied = copy.copy(module)
    copied._parameters, copied._buffers = dict(module._parameters), dict(module._buffers)
    copied._modules = {name: part and _twin(part, replacement) for name, part in module._modules.items()}
    return copied
