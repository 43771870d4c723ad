"""Copies of modules that share all tensors but have some parts replaced."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

from torch import nn

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def evaluating(module: ModuleT) -> ModuleT:
    """The module in evaluation mode: itself if it already is, else a copy that shares its tensors.

    So a training or another thread that uses the module at the same time never finds its mode changed.
    """
    if not any(part.training for part in module.modules()):
        return module
    copied = _twin(module, lambda part: False, lambda part: part)
    assert isinstance(copied, type(module))
    return copied.eval()


def twin(
    module: ModuleT, replaced: Callable[[nn.Module], bool], replacement: Callable[[nn.Module], nn.Module]
) -> ModuleT:
    """A copy that shares its parameters and buffers with the module, which stays as it is.

    Args:
        module: the module to copy; returned itself if no part is to be replaced.
        replaced: whether to replace a part.
        replacement: the part's replacement in the copy.
    """
    if not any(map(replaced, module.modules())):
        return module
    copied = _twin(module, replaced, replacement)
    assert isinstance(copied, type(module))
    return copied


def _twin(
    module: nn.Module, replaced: Callable[[nn.Module], bool], replacement: Callable[[nn.Module], nn.Module]
) -> nn.Module:
    if replaced(module):
        return replacement(module)
    copied = copy.copy(module)
    copied._parameters, copied._buffers = dict(module._parameters), dict(module._buffers)
    copied._modules = {name: part and _twin(part, replaced, replacement) for name, part in module._modules.items()}
    return copied
