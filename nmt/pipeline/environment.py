"""The environment of a result: versions, machine, memory."""

from __future__ import annotations

import platform
import resource
import sys
from importlib.metadata import PackageNotFoundError, version

import nmt

_MEASURED = ("torch", "sentencepiece", "sacrebleu", "numpy")
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
"""Unit of memory in getrusage: bytes on macOS, KiB elsewhere."""


def versions() -> dict[str, str]:
    """Versions of nmt, Python, the packages that results depend on, and the platform."""
    found = {"nmt": nmt.__version__, "python": platform.python_version()}
    for package in _MEASURED:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return {**found, "platform": platform.platform()}


def peak_memory_bytes() -> int:
    """Peak resident memory so far of this process, or of its largest finished child if that is more."""
    own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return max(own, children) * _MAXRSS_BYTES
