"""Settings of the libraries under torch that eager tensor code on a CPU depends on."""

from __future__ import annotations

import ctypes
import os

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # names of mallopt(3)
_KERNELS = 64


def keep_freed_memory() -> bool:
    """Makes glibc keep the memory of freed tensors for the next ones.

    By default every large tensor is a fresh mapping that the kernel must fill with zeroed pages at its first touch,
    which takes longer than most of the operations on it. Peak memory stays that of the program; it only is not given
    back in between. What preloading tcmalloc does, without a dependency.

    Returns:
        Whether the C library took the setting (glibc does; others are left alone).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, 2**31 - 1) and mallopt(_TOP_PAD, 64 << 20))


def let_threads_sleep() -> None:
    """Makes OpenMP's threads sleep between two products instead of turning in circles until the next one comes.

    A search has many small products with Python between them: turning threads use up a core each for nothing, and where
    others compute on the same cores they slow the work down. Must come before torch is imported; the environment's own
    setting goes first.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def forget_old_kernels() -> None:
    """Lets oneDNN keep the compiled kernels of a few dozen shapes, not of a thousand.

    Every batch of sentences has shapes of its own, so most kept kernels are never used again, and they are gigabytes
    in the end. Must come before the process multiplies its first matrices; the environment's own setting goes first.
    """
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(name, str(_KERNELS))
