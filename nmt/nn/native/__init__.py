"""What a step of decoding does between its matrix products, in C: each thing in one pass, and without torch's overhead.

In eager torch these took more time than the products of a small model, and most of the rest of a large one's; and
attention to one's own past needs a gather that torch can only do by copying. The C files are compiled when the package
is installed, by whatever C compiler there is; without one, on a GPU, in another precision or where a gradient is
wanted, the functions of `nmt.nn.kernels` do the same in torch, which is what these are tested against.

Call overhead decides: addresses go through ctypes, and nothing is checked again that the kernels know.
"""

from __future__ import annotations

import ctypes
import importlib.machinery
import os
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

LIBRARY = "decoding"
INTERFACE = 1
"""What decoding.c says it is when it takes what is given here: a checkout may be newer than what was compiled."""
OFF = "NMT_NATIVE"
"""Set to 0 in the environment, it leaves everything to torch."""

_POINTER, _INT64, _INT32 = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32
_ARGUMENTS = {
    "pack": (_POINTER, _INT64, _INT64, _POINTER, _POINTER),
    "multiply": (_POINTER, _INT64, _INT64, *[_POINTER] * 4, _INT64, _POINTER),
    "attend_to_own": (*[_POINTER] * 4, *[_INT64] * 7, _POINTER),
    "attend_to_source": (*[_POINTER] * 4, *[_INT64] * 5, _POINTER),
    "additive_scores": (*[_POINTER] * 3, *[_INT64] * 4, _POINTER),
    "add_and_normalize": (*[_POINTER] * 4, _INT64, _INT64, ctypes.c_float, _POINTER),
    "best_continuations": (_POINTER, _POINTER, *[_INT64] * 4, _POINTER, _INT64, *[_POINTER] * 3),
}


@cache
def library() -> ctypes.CDLL | None:
    """The compiled functions; None where there are none."""
    if os.environ.get(OFF) == "0":
        return None
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = Path(__file__).with_name(LIBRARY + suffix)
        if path.exists():
            try:
                loaded = ctypes.CDLL(str(path))
                if loaded.interface_number() != INTERFACE:
                    return None
                for name, arguments in _ARGUMENTS.items():
                    function = getattr(loaded, name)
                    function.argtypes, function.restype = arguments, _INT32
            except (OSError, AttributeError):  # of another machine, or of an older source
                return None
            return loaded
    return None


def functions_for(*tensors: Tensor) -> ctypes.CDLL | None:
    """The compiled functions, if they take these: float32 on the CPU, contiguous, and no gradient is wanted."""
    if torch.is_grad_enabled():
        return None
    for tensor in tensors:  # a generator would take three times as long
        if tensor.dtype is not torch.float32 or not tensor.is_cpu or not tensor.is_contiguous():
            return None
    return library()


def has_product() -> bool:
    """Whether there is a `multiply` for this CPU: an x86-64 with AVX512-VNNI."""
    found = library()
    return found is not None and bool(found.has_product())


def check(failed: int) -> None:
    """Raises:
    MemoryError: a function says by its return value that it found no memory.
    """
    if failed:
        raise MemoryError("no memory for what a step of decoding needs within a call")
