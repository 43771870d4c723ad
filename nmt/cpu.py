"""Settings of glibc, OpenMP and oneDNN that make eager torch code faster or smaller on a CPU."""

from __future__ import annotations

import ctypes
import os

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # parameters of mallopt(3)
_KERNELS = 64


def keep_freed_memory() -> bool:
    """Makes glibc keep the memory of freed tensors for later ones.

    By default every large tensor is a fresh mapping whose pages the kernel must zero on first touch, which takes
    longer than most operations on the tensor. Peak memory is unchanged; memory is just not returned in between. This
    has the effect of preloading tcmalloc, without the dependency.

    Returns:
        Whether the C library accepted the setting (glibc does; others are left alone).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, 2**31 - 1) and mallopt(_TOP_PAD, 64 << 20))


def let_threads_sleep() -> None:
    """Makes OpenMP threads sleep between matrix products instead of spinning.

    A search runs many small products with Python in between: each spinning thread would waste a core, and slow down
    other work on a shared machine. Call this before torch is imported; a setting in the environment takes precedence.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def forget_old_kernels() -> None:
    """Makes oneDNN cache compiled kernels for a few dozen shapes instead of a thousand.

    Nearly every batch of sentences has its own shapes, so most cached kernels are never used again and would add up
    to gigabytes. Call this before the first matrix product; a setting in the environment takes precedence.
    """
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(name, str(_KERNELS))
