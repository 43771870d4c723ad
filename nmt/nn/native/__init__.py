"""What a step of decoding does between its matrix products, in C: each thing in one pass, and without torch's overhead.

In eager torch these took more time than the products of a small model, and most of the rest of a large one's; and
attention to one's own past needs a gather that torch can only do by copying. The C files are compiled when the package
is installed, by whatever C compiler there is; without one, on a GPU, in another precision or where a gradient is
wanted, the callers do the same in torch, which is what these are tested against.

Call overhead decides: addresses go through ctypes, and nothing is checked again that the callers know.
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


def applies(*tensors: Tensor) -> bool:
    """Whether these may be given to the functions: float32 on the CPU, contiguous, and no gradient is wanted."""
    if library() is None or torch.is_grad_enabled():
        return False
    for tensor in tensors:  # a generator would take three times as long
        if tensor.dtype is not torch.float32 or not tensor.is_cpu or not tensor.is_contiguous():
            return False
    return True


class Packed:
    """8-bit weights [outputs, inputs] with a scale [outputs] each, as `multiply` of product.c reads them.

    They lie in panels of 64 outputs, four inputs of an output side by side, filled up with zeros.
    """

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        self.outputs, self.inputs = weight.shape
        panels, fours = -(-self.outputs // 64), -(-self.inputs // 4)
        weight, scale = weight.contiguous(), scale.contiguous()
        packed = torch.empty((panels, fours, 64, 4), dtype=torch.int8)
        offset = torch.empty(panels * 64, dtype=torch.int32)  # makes up for unsigned bytes of x
        _call().pack(weight.data_ptr(), self.outputs, self.inputs, packed.data_ptr(), offset.data_ptr())
        self._kept = (packed, offset, scale)
        self._addresses = tuple(tensor.data_ptr() for tensor in self._kept)

    def __call__(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """x [rows, inputs], quantised row by row with 127 levels, times the weights, plus bias: [rows, outputs]."""
        rows = x.shape[0]
        y = torch.empty((rows, self.outputs))
        address = None if bias is None else bias.data_ptr()
        _check(_call().multiply(x.data_ptr(), rows, self.inputs, *self._addresses, address, self.outputs, y.data_ptr()))
        return y


def has_product() -> bool:
    """Whether there is a `multiply` for this CPU: an x86-64 with AVX512-VNNI."""
    found = library()
    return found is not None and bool(found.has_product())


def attend_to_own(projected: Tensor, keys: Tensor, values: Tensor, own: Tensor, start: int) -> Tensor:
    """Writes the newest keys and values, and attends to one's own: softmax(qK'/sqrt(D/H))V.

    Args:
        projected: [B, K, 3D]: queries, keys and values of the newest position, a head after the other.
        keys: [B, room, H, D/H]; the newest are written from entry `start` on.
        values: likewise.
        own: [B, K, length + 1] int64, the entries each hypothesis attends to, with the newest one.
        start: first entry of the newest position.

    Returns:
        [B, K, D]
    """
    sentences, room, heads, size = keys.shape
    beam, count = own.shape[1:]
    context = torch.empty((sentences, beam, heads * size))
    failed = _call().attend_to_own(
        projected.data_ptr(),
        keys.data_ptr(),
        values.data_ptr(),
        own.data_ptr(),
        sentences,
        beam,
        heads,
        room,
        size,
        count,
        start,
        context.data_ptr(),
    )
    _check(failed)
    return context


def attend_to_source(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """Attention to the real tokens of a sentence.

    Args:
        queries: [B, K, D].
        keys: [B, S, H, D/H].
        values: likewise.
        mask: [B, 1, 1, S] bool, contiguous, True on real tokens.

    Returns:
        [B, K, D]
    """
    sentences, length, heads, size = keys.shape
    context = torch.empty_like(queries)
    failed = _call().attend_to_source(
        queries.data_ptr(),
        keys.data_ptr(),
        values.data_ptr(),
        mask.data_ptr(),
        sentences,
        queries.shape[1],
        heads,
        length,
        size,
        context.data_ptr(),
    )
    _check(failed)
    return context


def additive_scores(queries: Tensor, keys: Tensor, energy: Tensor) -> Tensor:
    """energy . tanh(query + key): [B, K, S] for queries [B, K, A], keys [B, S, A] and energy [1, A]."""
    sentences, beam, size = queries.shape
    scores = torch.empty((sentences, beam, keys.shape[1]))
    _call().additive_scores(
        queries.data_ptr(),
        keys.data_ptr(),
        energy.data_ptr(),
        sentences,
        beam,
        keys.shape[1],
        size,
        scores.data_ptr(),
    )
    return scores


def add_and_normalize(x: Tensor, update: Tensor, weight: Tensor | None, bias: Tensor | None, epsilon: float) -> Tensor:
    """Layer normalisation of x + update, both [..., D]; weight and bias [D], or neither."""
    y, size = torch.empty_like(x), x.shape[-1]
    _call().add_and_normalize(
        x.data_ptr(),
        update.data_ptr(),
        None if weight is None else weight.data_ptr(),
        None if bias is None else bias.data_ptr(),
        x.numel() // size,
        size,
        epsilon,
        y.data_ptr(),
    )
    return y


def best_continuations(
    logits: Tensor, live: Tensor, count: int, banned: tuple[int, ...]
) -> tuple[Tensor, Tensor, Tensor]:
    """The best sums of a hypothesis's log-probability and its next token's, as in `nmt.search.topk`, by logits.

    Args:
        logits: [B, K, V] float32.
        live: [B, K] float32, -inf for no hypothesis.
        count: how many of each sentence.
        banned: tokens that are left out, though the softmax counts them.

    Returns:
        sums [B, count] float32, best first, -inf where there are no more; hypotheses and tokens, int64.
    """
    sentences, beam, vocabulary = logits.shape
    sums = torch.empty((sentences, count))
    parents, tokens = torch.empty((2, sentences, count), dtype=torch.int64).unbind()
    bans = (_INT64 * len(banned))(*banned)
    failed = _call().best_continuations(
        logits.data_ptr(),
        live.data_ptr(),
        sentences,
        beam,
        vocabulary,
        count,
        bans,
        len(banned),
        sums.data_ptr(),
        parents.data_ptr(),
        tokens.data_ptr(),
    )
    _check(failed)
    return sums, parents, tokens


def _check(failed: int) -> None:
    if failed:
        raise MemoryError("no memory for what a step of decoding needs within a call")


def _call() -> ctypes.CDLL:
    found = library()
    assert found is not None
    return found
