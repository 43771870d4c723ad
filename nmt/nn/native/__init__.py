"""The work of a decoding step between its matrix products, in C: each part in one pass, without torch's overhead.

In eager torch these parts took longer than the products of a small model, and most of the remaining time of a large
one; and attention to a hypothesis's own past needs a gather that torch can only do by copying. The C files are compiled
when the package is installed, if there is a C compiler. Without one, on a GPU, in another precision or if a gradient is
needed, the functions of `nmt.nn.kernels` do the same in torch, the reference that the C code is tested against.

Call overhead matters: addresses go through ctypes, and nothing is checked that the kernels have checked already.
"""

from __future__ import annotations

import ctypes
import importlib.machinery
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

LIBRARY = "decoding"
INTERFACE = 1
"""The interface number of decoding.c that fits this file; a checkout may be newer than the compiled library."""
OFF = "NMT_NATIVE"
"""Environment variable; 0 turns the C functions off and leaves everything to torch."""

PUSHDOWN = "pushdown"
PUSHDOWN_INTERFACE = 1
"""That of pushdown.c."""

_POINTER, _INT64, _INT32 = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32
_ARGUMENTS = {
    "pack": (_POINTER, _INT64, _INT64, _POINTER, _POINTER),
    "multiply": (_POINTER, _INT64, _INT64, *[_POINTER] * 4, _INT64, _POINTER),
    "attend_to_own": (*[_POINTER] * 4, *[_INT64] * 7, _POINTER),
    "attend_to_source": (*[_POINTER] * 4, *[_INT64] * 5, _POINTER),
    "additive_scores": (*[_POINTER] * 3, *[_INT64] * 4, _POINTER),
    "add_and_normalize": (*[_POINTER] * 4, _INT64, _INT64, ctypes.c_float, _POINTER),
    "best_continuations": (_POINTER, _POINTER, *[_INT64] * 4, _POINTER, *[_INT64] * 2, *[_POINTER] * 3),
}
_PUSHDOWN_ARGUMENTS = {
    "step_forward": (_POINTER,) * 9,
    "step_backward": (_POINTER, _INT64, *[_POINTER] * 14),
}


@cache
def library() -> ctypes.CDLL | None:
    """The compiled functions, or None if there are none."""
    return _loaded(LIBRARY, INTERFACE, _ARGUMENTS)


@cache
def pushdown() -> ctypes.CDLL | None:
    """The compiled steps of nondeterministic stacks, or None if there are none."""
    return _loaded(PUSHDOWN, PUSHDOWN_INTERFACE, _PUSHDOWN_ARGUMENTS)


def _loaded(name: str, interface: int, functions: Mapping[str, tuple[Any, ...]]) -> ctypes.CDLL | None:
    if os.environ.get(OFF) == "0":
        return None
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = Path(__file__).with_name(name + suffix)
        if path.exists():
            try:
                loaded = ctypes.CDLL(str(path))
                if loaded.interface_number() != interface:
                    return None
                for function_name, arguments in functions.items():
                    function = getattr(loaded, function_name)
                    function.argtypes, function.restype = arguments, _INT32
            except (OSError, AttributeError):  # built for another machine, or from an older source
                return None
            return loaded
    return None


def functions_for(*tensors: Tensor) -> ctypes.CDLL | None:
    """The compiled functions if they apply: contiguous float32 tensors on the CPU, and no gradient needed."""
    if torch.is_grad_enabled():
        return None
    for tensor in tensors:  # a generator would take three times as long
        if tensor.dtype is not torch.float32 or not tensor.is_cpu or not tensor.is_contiguous():
            return None
    return library()


def has_product() -> bool:
    """Whether `multiply` works on this CPU: it needs x86-64 with AVX512-VNNI."""
    found = library()
    return found is not None and bool(found.has_product())


def check(failed: int) -> None:
    """Raises:
    MemoryError: the return value of a C function says that it could not allocate memory.
    """
    if failed:
        raise MemoryError("out of memory for the intermediate results of a decoding step")
